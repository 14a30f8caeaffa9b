import { gzipSync } from 'node:zlib'
import { bigint, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { startCrew } from './crew.ts'
import type { DoorAnswer, DoorOrder } from './door-process.ts'
import type { Run } from './figures.ts'
import { linesOf } from './file-rows.ts'
import { likeFlights } from './flight-sides.ts'
import { nothing, type Sides, type Stage } from './sides.ts'

/** Rows of the batches that are timed, how many different ones there are, and calls of a round. */
const [batchRows, batches, calls, warmUp] = [1000, 20, 200, 50]

/** The batch door by itself: the time of a batch of 1,000 rows, and the memory of the largest bodies that it takes. */
export function doorSides({ flags }: Stage, path: string): { timed: Sides; memory: Sides } {
  const timed = (target: Dataset, processor = false) => ({
    prepare: nothing,
    run: async (): Promise<Run> => {
      await using crew = await startCrew<DoorOrder, DoorAnswer>('door-process', 1, '', flags)
      const bodies = await flightBatches(path)
      const times = await crew.members[0]!.ask({
        processor,
        dataset: target,
        contentType: 'application/x-ndjson',
        bodies,
        calls,
        warmUp,
        rows: batchRows,
      })
      return { seconds: times.reduce((sum, ms) => sum + ms, 0) / 1000, peakMiB: await crew.end(), calls: times }
    },
    tidy: nothing,
  })
  const memory = async (): Promise<Run> => {
    const began = performance.now()
    const base = await peakOf(flags, largeBodies(1000), 20)
    const peaks: number[] = []
    for (const body of largeBodies(batchText / rowBytes)) peaks.push(await peakOf(flags, [body], 3))
    return { seconds: (performance.now() - began) / 1000, peakMiB: Math.max(...peaks) - base }
  }
  return {
    timed: {
      door: timed(likeFlights('flights_door')),
      'door-processor': timed(likeFlights('flights_door'), true),
      'door-lanes': timed(likeFlights('flights_lanes', { orderingKey: 'id' })),
    },
    memory: { 'door-memory': { prepare: nothing, run: memory, tidy: nothing } },
  }
}

async function flightBatches(path: string): Promise<string[]> {
  const bodies: string[] = []
  let lines: string[] = []
  for await (const line of linesOf(path)) {
    if (lines.push(line) < batchRows) continue
    bodies.push(Buffer.from(`${lines.join('\n')}\n`).toString('base64'))
    if (bodies.length === batches) break
    lines = []
  }
  return bodies
}

/** The most memory of a process that took these bodies, MiB. */
async function peakOf(flags: readonly string[], bodies: readonly LargeBody[], times: number): Promise<number> {
  await using crew = await startCrew<DoorOrder, DoorAnswer>('door-process', 1, '', flags)
  for (const { body, ...order } of bodies) await crew.members[0]!.ask({ ...order, bodies: [body], calls: times, warmUp: 0 })
  return await crew.end()
}

type LargeBody = Omit<DoorOrder, 'bodies' | 'calls' | 'warmUp'> & { readonly body: string }

/** Bytes of the text of a large body, a little less than is taken, and of a row in it. */
const [batchText, rowBytes] = [64_000_000, 800]

/** Of each kind one body: with and without lanes, an array, and rows that are all refused. They compress to the 4 MiB that a body may have. */
function largeBodies(rows: number): LargeBody[] {
  const wide = dataset('wide', {
    description: 'of the bench',
    columns: { id: bigint(), note: text() },
    primaryKey: ['id'],
    onConflict: 'ignore',
  })
  const note = (id: number): string => `${(id * 2_654_435_761) % 4_294_967_296} `.repeat(70).slice(0, rowBytes - 30)
  const made = Array.from({ length: rows }, (_, id) => JSON.stringify({ id, note: note(id) }))
  const refused = made.map((row) => row.replace('"note"', '"nope"'))
  const body = (of: string): string => gzipSync(of).toString('base64')
  const order = { dataset: wide, contentType: 'application/gzip', format: 'ndjson', rows }
  const lines = body(made.join('\n'))
  return [
    { ...order, body: lines },
    { ...order, dataset: { ...wide, orderingKey: 'id' }, body: lines },
    { ...order, format: 'json', body: body(`[${made.join(',\n')}]`) },
    { ...order, body: body(refused.join('\n')) },
  ]
}
