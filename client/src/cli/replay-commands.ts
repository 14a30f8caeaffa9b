import type { Command } from 'commander'
import type { StreamChunk } from '../../../functions/core/api/replay-contract.ts'
import type { Millrace } from '../millrace.ts'
import { answer, type Context } from './context.ts'
import { exitCodeOf, exitCodes, UsageError } from './exit.ts'
import { wholeNumber } from './numbers.ts'
import { printReceipt } from './print.ts'
import { printDeadLetters, printReplay, printStretch, type StretchSum } from './print-replay.ts'
import { saved, take } from './read-commands.ts'

interface ReplayFlags {
  readonly yes?: boolean
  readonly allowOlderRows?: boolean
  readonly into?: string
  readonly key?: string
  readonly wait: boolean
}

export function addReplay(program: Command, { io, connect, end }: Context): void {
  program
    .command('replay')
    .summary('load again what is missing of a load, or was set aside of it')
    .description(
      'Says what a replay of the load would do, and whether it would put older rows over newer ones; with --yes it does it, waits, and prints the receipt. What is in the table already is recognised, so a replay can be repeated.',
    )
    .argument('<load>', 'id of the load')
    .option('-y, --yes', 'do it: without this nothing is changed')
    .option('--allow-older-rows', 'do it even where older rows would take the place of newer ones')
    .option('--into <dataset>', 'load its file once more, into this dataset, as a load of its own')
    .option('--key <key>', 'with --into: the Idempotency-Key; without it the same file goes into the same dataset once')
    .option('--no-wait', 'with --yes: return at once')
    .action(async (load: string, { yes, allowOlderRows = false, into, key, wait }: ReplayFlags, command: Command) => {
      const client = connect(command)
      const { signal } = io
      if (key !== undefined && into === undefined) throw new UsageError('--key names the load that --into makes')
      const body = { allowOlderRows, ...(into === undefined ? {} : { into }) }
      if (!yes) {
        const replay = await client.checkReplay(load, body, { signal, key })
        answer(io, command, { replay }, () => printReplay(replay))
        const refused = replay.order?.verdict === 'older-rows' && !allowOlderRows
        if (refused || (replay.would === 'nothing' && replay.state !== 'complete')) end(exitCodes.refused)
        return
      }
      const started = await client.replayLoad(load, body, { signal, key })
      const receipt = wait ? await client.waitFor(started.id, { signal }) : started
      answer(io, command, { receipt }, () => printReceipt(receipt))
      end(exitCodeOf(receipt))
    })
}

interface StretchFlags {
  readonly dataset: string
  readonly from: string
  readonly to?: string
  readonly into?: string
  readonly yes?: boolean
  readonly allowOlderRows?: boolean
}

export function addReplayStream(program: Command, { io, connect }: Context): void {
  program
    .command('replay-stream')
    .summary('load a range of the stream of batches again')
    .description(
      'Goes through what your batches put into the stream between two times, and says what of it is in the table. With --yes it sends again what is not; with --into it sends all of it into another dataset, as new batches. It can be repeated: what was loaded is recognised.',
    )
    .requiredOption('-d, --dataset <name>', 'of which dataset')
    .requiredOption('--from <time>', 'ISO 8601, such as 2026-01-31T12:00:00Z; the stream keeps 1 to 3 days')
    .option('--to <time>', 'before this time; default now')
    .option('--into <dataset>', 'send all of it into this dataset, each chunk as a batch of its own')
    .option('-y, --yes', 'do it: without this nothing is changed')
    .option('--allow-older-rows', 'do it even where older rows would take the place of newer ones')
    .action(async ({ dataset, into, yes = false, allowOlderRows = false, ...times }: StretchFlags, command: Command) => {
      if (into === dataset) throw new UsageError('--into names another dataset. Without it, what is not in the table is sent again')
      const client = connect(command)
      const { signal } = io
      const [from, given] = [instant('--from', times.from), times.to === undefined ? undefined : instant('--to', times.to)]
      const sum: StretchSum = {
        dataset,
        from,
        to: given ?? '',
        into: into ?? null,
        chunks: 0,
        rows: 0,
        committed: 0,
        dead: 0,
        waiting: 0,
        sent: 0,
        loads: [],
      }
      for (let [to, cursor]: [string | undefined, string | undefined] = [given, undefined]; ; ) {
        const within = { from, ...(to === undefined ? {} : { to }), ...(cursor === undefined ? {} : { cursor }) }
        const dryRun = !yes || into !== undefined
        const page = await client.replayStream(dataset, { ...within, dryRun, allowOlderRows, texts: yes && into !== undefined }, { signal })
        for (const { state, rows } of page.items) {
          sum.chunks++
          sum.rows += rows
          sum[state]++
        }
        sum.sent += page.sent
        if (yes && into !== undefined) sum.loads.push(...(await sendInto(client, into, page.items, signal)))
        sum.to = page.to
        if (page.next === null) break
        to = page.to
        cursor = page.next
      }
      answer(io, command, sum, () => printStretch(sum, yes))
    })
}

/** Each chunk as a batch whose key names it: sent again, it is the same batch. In the order in which they stood in their shard. */
async function sendInto(client: Millrace, into: string, chunks: readonly StreamChunk[], signal: AbortSignal): Promise<string[]> {
  const loads: string[] = []
  for (const { load, chunk, rows, format, text } of chunks) {
    // A chunk without rows only counts what the door refused.
    if (!text || rows === 0) continue
    const sent = await client.sendBatch(into, text, { key: `stream-${load}-${chunk}`, format, signal })
    loads.push(sent.receipt.id)
  }
  return loads
}

function instant(option: string, text: string): string {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError(`${option} must be a time such as 2026-01-31T12:00:00Z, not "${text}"`)
  return new Date(time).toISOString()
}

interface DeadLetterFlags {
  readonly dataset?: string
  readonly limit: number
  readonly rows?: number
  readonly out?: string
}

export function addDeadLetters(program: Command, { io, connect }: Context): void {
  program
    .command('dead-letters')
    .summary('chunks of batches that could not be loaded and were set aside')
    .argument('[load]', 'id of a load: only its own, and by number')
    .option('-d, --dataset <name>', 'only those for this dataset')
    .option('--limit <chunks>', 'show at most as many', wholeNumber(1, 10_000), 20)
    .option('--rows <chunk>', 'show the rows of this chunk of the load, as they were sent', wholeNumber(0, 9_999_999))
    .option('--out <file>', 'write the rows to a file')
    .action(async (load: string | undefined, { dataset, limit, rows: chunk, out }: DeadLetterFlags, command: Command) => {
      const client = connect(command)
      if (chunk === undefined) {
        if (out !== undefined) throw new UsageError('--out writes the rows of one chunk: name it with --rows')
        const letters = client.listDeadLetters({ dataset, load, signal: io.signal, pageSize: Math.min(limit + 1, 100) })
        const { items, more } = await take(letters, limit)
        answer(io, command, { items, more }, () => printDeadLetters(items) + (more ? '… and more: --limit\n' : ''))
        return
      }
      if (load === undefined) throw new UsageError('--rows needs the load that the chunk is of')
      const rows = await client.getDeadLetter(load, chunk, { signal: io.signal })
      if (out !== undefined) await saved(out, [rows])
      const shown = out === undefined ? { rows } : { file: out }
      answer(io, command, { load, chunk, ...shown }, () =>
        out === undefined ? rows : `The rows of chunk ${chunk} are written to ${out}\n`,
      )
    })
}
