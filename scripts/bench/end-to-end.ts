import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../../client/src/client.ts'
import { zstd } from '../../client/src/zstd.ts'
import { startLocal } from '../../localstack/local-aws.ts'
import { quietReport } from '../../localstack/report.ts'
import { percentile, type Run } from './figures.ts'

/** A steady stream: so many batches a second, of so many rows, for so long. The emulator itself carries some 80 requests a second on two cores. */
const load = { perSecond: 10, rows: 100, seconds: 10 }

/**
 * Latency of the second door, end to end through the emulator: API, door function, stream, event source, consumer function, Postgres.
 * A local AWS of its own is started in `folder`; whoever calls ends it.
 */
export async function measureEndToEnd(folder: string, rounds: number, say: (text: string) => void): Promise<Run[]> {
  say('end to end: starting a local AWS of its own')
  const { settings } = await startLocal({ dir: folder, fresh: true, persist: false, report: quietReport })
  const client = createClient({ url: settings.MILLRACE_URL!, apiKey: settings.MILLRACE_API_KEY!, compressor: zstd })
  const runs: Run[] = []
  // The first round is not counted: functions start, tables and caches are cold.
  for (let round = 0; round <= rounds; round++) {
    const run = await stream(client, 1 + round * 1_000_000)
    const what = round === 0 ? 'to warm up' : `round ${round} of ${rounds}`
    say(`end to end, ${what}: ${run.calls.length} batches, p50 ${percentile(run.calls, 50)} ms, p99 ${percentile(run.calls, 99)} ms`)
    if (round > 0) runs.push(run)
  }
  return runs
}

/** Milliseconds from accepted to committed of each batch, by the server's clock: both moments stand in the receipt. */
async function stream(client: ReturnType<typeof createClient>, firstId: number): Promise<Run & { calls: number[] }> {
  const calls: number[] = []
  const began = performance.now()
  const writer = await client.openWriter({
    dataset: 'flights',
    batchRows: load.rows,
    onBatch: (event) => {
      if (event.kind === 'settled' && event.ms !== undefined) calls.push(event.ms)
    },
  })
  const batches = load.perSecond * load.seconds
  for (let batch = 0; batch < batches; batch++) {
    await sleep(Math.max(0, began + (batch / load.perSecond) * 1000 - performance.now()))
    await writer.write(linesOf(firstId + batch * load.rows))
  }
  const { rows } = await writer.close()
  if (rows.loaded !== batches * load.rows) throw new Error(`the stream was not loaded right: ${JSON.stringify(rows)}`)
  return { calls, seconds: (performance.now() - began) / 1000 }
}

const linesOf = (from: number): string =>
  Array.from(
    { length: load.rows },
    (_, i) => `{"id":${from + i},"date":"2001-07-01T12:00:00.000Z","delay":5,"distance":405,"origin":"MCI","destination":"MDW"}\n`,
  ).join('')
