import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import type { LoadState, Receipt } from '../../../functions/core/loads/receipt.ts'
import { answer, type CommonOptions, type Context } from './context.ts'
import { exitCodeOf, UsageError } from './exit.ts'
import { count } from './figures.ts'
import { wholeNumber } from './numbers.ts'
import { printDataset, printDatasets, printLoads, printReceipt, printReject } from './print.ts'
import { createProgressBar } from './progress.ts'

const states: readonly LoadState[] = ['receiving', 'loading', 'complete', 'failed', 'aborted', 'expired']

export function addReceipt(program: Command, { io, connect, end }: Context): void {
  program
    .command('receipt')
    .summary('what became of a load')
    .argument('<load>', 'id of the load, as push prints it')
    .option('--wait', 'wait until the load is over')
    .action(async (load: string, flags: { wait?: boolean }, command: Command) => {
      const client = connect(command)
      const quiet = command.optsWithGlobals<CommonOptions>().json || io.columns() === undefined
      const bar = createProgressBar({ write: io.err, columns: () => io.columns() ?? 80, now: () => performance.now() })
      const onReceipt = quiet ? undefined : (receipt: Receipt) => bar.show({ phase: 'load', receipt })
      const onStill = quiet ? undefined : (receipt: Receipt, stillFor: number) => bar.show({ phase: 'load', receipt, stillFor })
      const receipt = flags.wait
        ? await client.waitFor(load, { signal: io.signal, onReceipt, onStill }).finally(bar.end)
        : (await client.getReceipt(load, { signal: io.signal })).receipt!
      answer(io, command, { receipt }, () => printReceipt(receipt))
      end(exitCodeOf(receipt))
    })
}

export function addRejects(program: Command, { io, connect }: Context): void {
  program
    .command('rejects')
    .summary('which rows of a load were rejected, where, and why')
    .argument('<load>', 'id of the load')
    .option('--out <file>', 'write all of them to a file as NDJSON, each with its raw row')
    .addOption(
      new Option('--as <format>', 'what to write: all that is known of each, or the rows as they were, with their error')
        .choices(['ndjson', 'original'])
        .default('ndjson'),
    )
    .option('--limit <rows>', 'show at most as many', wholeNumber(1, 10_000), 20)
    .action(async (load: string, flags: { out?: string; as: 'ndjson' | 'original'; limit: number }, command: Command) => {
      const client = connect(command)
      if (flags.as === 'original') {
        if (flags.out === undefined) throw new UsageError('--as original writes a file to correct: name it with --out')
        await saved(flags.out, await client.downloadRejects(load, { signal: io.signal }))
        answer(
          io,
          command,
          { load, file: flags.out },
          () => `Written to ${flags.out}. Correct the rows, and then: millrace push ${flags.out} --fixes ${load} --dataset …\n`,
        )
        return
      }
      if (flags.out !== undefined) {
        const { out } = flags
        let written = 0
        async function* lines() {
          for await (const reject of client.listRejects(load, { signal: io.signal, pageSize: 1000 })) {
            written++
            yield `${JSON.stringify(reject)}\n`
          }
        }
        await saved(out, lines())
        answer(io, command, { load, rejects: written, file: out }, () => `${count(written)} rejects written to ${out}\n`)
        return
      }
      const { items, more } = await take(
        client.listRejects(load, { signal: io.signal, pageSize: Math.min(flags.limit + 1, 1000) }),
        flags.limit,
      )
      answer(io, command, { load, items, more }, () => {
        if (items.length === 0) return 'No row was rejected.\n'
        return `${items.map(printReject).join('\n')}\n${more ? `… and more: millrace rejects ${load} --out rejects.ndjson\n` : ''}`
      })
    })
}

export function addLoads(program: Command, { io, connect }: Context): void {
  program
    .command('loads')
    .summary('your loads, newest first')
    .option('-d, --dataset <name>', 'only those into this dataset')
    .addOption(new Option('--state <state>', 'only those in this state').choices(states))
    .option('--limit <loads>', 'show at most as many', wholeNumber(1, 10_000), 20)
    .action(async (flags: { dataset?: string; state?: LoadState; limit: number }, command: Command) => {
      const { dataset, state, limit } = flags
      const loads = connect(command).listLoads({ dataset, state, signal: io.signal, pageSize: Math.min(limit + 1, 100) })
      const { items, more } = await take(loads, limit)
      answer(io, command, { items, more }, () => printLoads(items) + (more ? '… and more: --limit\n' : ''))
    })
}

export function addDatasets(program: Command, { io, connect }: Context): void {
  program
    .command('datasets')
    .summary('what can be sent, and the shape of its rows')
    .argument('[name]', 'show this one in full')
    .action(async (name: string | undefined, _flags: object, command: Command) => {
      const client = connect(command)
      if (name === undefined) {
        const items = await client.listDatasets({ signal: io.signal })
        answer(io, command, { items }, () => printDatasets(items))
      } else {
        const dataset = await client.getDataset(name, { signal: io.signal })
        answer(io, command, dataset, () => printDataset(dataset))
      }
    })
}

export function addAbort(program: Command, { io, connect }: Context): void {
  program
    .command('abort')
    .summary('give up an upload and free what was sent of it')
    .argument('<load>', 'id of the load')
    .action(async (load: string, _flags: object, command: Command) => {
      await connect(command).abortUpload(load, { signal: io.signal })
      answer(io, command, { load, state: 'aborted' }, () => `The upload ${load} is aborted; nothing of it will be loaded.\n`)
    })
}

export async function saved(path: string, pieces: AsyncIterable<string | Uint8Array> | Iterable<string>): Promise<void> {
  await pipeline(Readable.from(pieces), createWriteStream(path)).catch((error: unknown) => {
    if (error instanceof Error && 'path' in error) throw new UsageError(`${path} cannot be written: ${error.message}`)
    throw error
  })
}

/** The first `limit` items, and whether there are more. */
export async function take<T>(items: AsyncIterable<T>, limit: number): Promise<{ items: T[]; more: boolean }> {
  const taken: T[] = []
  for await (const item of items) {
    if (taken.length === limit) return { items: taken, more: true }
    taken.push(item)
  }
  return { items: taken, more: false }
}
