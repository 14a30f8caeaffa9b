import type { Command } from 'commander'
import { answer, type Context } from './context.ts'
import { exitCodeOf, exitCodes, UsageError } from './exit.ts'
import { wholeNumber } from './numbers.ts'
import { printReceipt } from './print.ts'
import { printDeadLetters, printReplay } from './print-replay.ts'
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
