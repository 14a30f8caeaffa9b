import { type Command, Option } from 'commander'
import { mostBatchBytes } from '../batcher.ts'
import { type Checkpoint, openCheckpoint } from '../checkpoint-file.ts'
import { gzip } from '../compress.ts'
import { SendError } from '../errors.ts'
import { resumeStream } from '../resuming.ts'
import type { RetryPolicy } from '../retry.ts'
import type { RowWriter, WriterOptions } from '../row-writer.ts'
import { zstd } from '../zstd.ts'
import { answer, type CommonOptions, type Context, type Io } from './context.ts'
import { type ExitCode, exitCodes, Interrupted, Stopped, UsageError } from './exit.ts'
import { fileInput, pipeInput, type SendInput } from './input.ts'
import { wholeNumber } from './numbers.ts'
import { createSendLine } from './send-progress.ts'
import { createSendStory, type SendStory } from './send-story.ts'

interface SendFlags extends CommonOptions {
  readonly dataset: string
  readonly batchRows: number
  readonly batchBytes: number
  readonly batchMs: number
  readonly parallel: number
  readonly compression: 'zstd' | 'gzip'
  /** A path; false for --no-checkpoint, true or undefined when nothing was said. */
  readonly checkpoint?: string | boolean
  readonly restart?: boolean
  readonly wait: boolean
  readonly patience: number
}

export function addSend(program: Command, context: Context): void {
  program
    .command('send')
    .summary('send rows from a pipe or a file, for as long as they come')
    .description(
      'Reads NDJSON from a file or a pipe for as long as it lasts, and sends it in batches that are loaded at once. Interrupted or killed, the same command goes on where it stopped: of a file by itself, of a pipe with --checkpoint, when the pipe comes again from its beginning.',
    )
    .argument('[file]', 'an NDJSON file; - or nothing for standard input', '-')
    .requiredOption('-d, --dataset <name>', 'where the rows go (see `millrace datasets`)')
    .option('--batch-rows <rows>', 'rows of a batch at most', wholeNumber(1, 100_000), 20_000)
    .option('--batch-bytes <bytes>', 'bytes of a batch at most, before compression', wholeNumber(1, mostBatchBytes), mostBatchBytes)
    .option('--batch-ms <ms>', 'milliseconds that a row waits for others', wholeNumber(1, 3_600_000), 1000)
    .option('--parallel <batches>', 'batches in flight; 1 where their order decides which row stays', wholeNumber(1, 16), 4)
    .addOption(new Option('--compression <compression>', 'how batches travel').choices(['zstd', 'gzip']).default('zstd'))
    .option('--checkpoint <file>', 'where it is kept what was sent (default: FILE.checkpoint; none for a pipe)')
    .option('--no-checkpoint', 'keep nothing')
    .option('--restart', 'forget what was sent before, and send all of it as a new stream')
    .option('--wait', 'at the end, wait until every row is accounted for', true)
    .option('--no-wait', 'return when every row is accepted, before it is loaded')
    .option('--patience <minutes>', 'minutes that one batch is tried again', wholeNumber(1, 100_000), 15)
    .action((file: string, flags: SendFlags, command: Command) => send(file, flags, command, context))
}

/** Milliseconds after a signal that requests in flight have, and then receipts. */
const grace = { requests: 30_000, receipts: 10_000 }

async function send(file: string, flags: SendFlags, command: Command, context: Context): Promise<void> {
  const { io, end } = context
  const json = command.optsWithGlobals<CommonOptions>().json === true
  // Tried for long: behind a pipe there is often nobody who would run the command again.
  const retry: RetryPolicy = { attempts: Number.POSITIVE_INFINITY, elapsedMs: flags.patience * 60_000, baseMs: 250, capMs: 20_000 }
  const client = context.connect(command, { retry, compressor: flags.compression === 'gzip' ? gzip : zstd })
  const path = checkpointPath(file, flags)
  await using input = await openInput(file, io)
  await using checkpoint = path === undefined ? undefined : await openCheckpointFor(path, flags, client.url)
  const story = createSendStory({ dataset: flags.dataset, checkpoint: path, seekable: input.seekable, before: checkpoint?.saved })
  using cutOff = cutOffAfter(io.signal, grace.requests)
  using line = json || io.columns() === undefined ? undefined : createSendLine(terminalOf(io))
  let writer: RowWriter | undefined
  try {
    const resumed = checkpoint?.saved ? await resumeStream(input, checkpoint.saved) : { state: undefined, open: [], rest: input.from(0) }
    const options: WriterOptions = {
      ...{ dataset: flags.dataset, batchRows: flags.batchRows, batchBytes: flags.batchBytes, batchMs: flags.batchMs },
      ...{ parallel: flags.parallel, wait: flags.wait, resume: resumed.state, save: checkpoint?.save },
      onBatch: story.add,
      signal: cutOff.signal,
    }
    writer = await client.openWriter(options)
    const opened = writer
    line?.watch(() => story.moment(opened))
    for (const { batch, body } of resumed.open) await writer.resend(batch, body)
    const stopped = await writeAll(resumed.rest, writer, io.signal)
    const total = await writer.close(stopped ? { final: false, settleMs: grace.receipts } : {})
    line?.[Symbol.dispose]()
    answer(io, command, { ...story.facts(total), interrupted: stopped }, () => story.text(total))
    if (stopped) io.err(story.howToGoOn('Interrupted.', writer.state()))
    end(stopped ? exitCodes.interrupted : exitCodeOfTotal(total))
  } catch (cause) {
    line?.[Symbol.dispose]()
    // What is in flight with what failed ends in order, and is saved.
    await writer?.close({ final: false, settleMs: 0 }).catch(() => undefined)
    throw stoppedBy(cause, story, writer)
  }
}

/** True when a signal has ended the reading. */
async function writeAll(pieces: AsyncIterable<Uint8Array>, writer: RowWriter, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const piece of pieces) await writer.write(piece)
    return false
  } catch (error) {
    if (signal.aborted && error === signal.reason) return true
    throw error
  }
}

function checkpointPath(file: string, { checkpoint, restart }: SendFlags): string | undefined {
  if (typeof checkpoint === 'string') return checkpoint
  if (checkpoint === false || file === '-') {
    if (restart) throw new UsageError('--restart forgets a checkpoint, and there is none')
    return undefined
  }
  return `${file}.checkpoint`
}
async function openInput(file: string, io: Io): Promise<SendInput> {
  if (file !== '-')
    return fileInput(file, io.signal).catch((cause: unknown) => {
      throw new UsageError(`${file} cannot be read: ${messageOf(cause)}`)
    })
  const stdin = io.stdin?.()
  if (!stdin) throw new UsageError('Nothing is piped in: name a file, or pipe NDJSON into this command')
  return pipeInput(stdin, io.signal)
}
const openCheckpointFor = (path: string, flags: SendFlags, url: string): Promise<Checkpoint> =>
  openCheckpoint(path, { dataset: flags.dataset, url, restart: flags.restart === true }).catch((cause: unknown) => {
    if (cause instanceof SendError) throw stoppedBy(cause, undefined, undefined)
    throw new UsageError(
      `The checkpoint ${path} cannot be written: ${messageOf(cause)}. --checkpoint names another place, --no-checkpoint does without.`,
    )
  })
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
const terminalOf = (io: Io) => ({ write: io.err, columns: () => io.columns() ?? 80, now: () => performance.now() })

/** After a signal, requests may go on for a while; then they are cut off. */
function cutOffAfter(signal: AbortSignal, ms: number): { signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const arm = (): void => {
    timer = setTimeout(() => controller.abort(signal.reason), ms)
  }
  signal.addEventListener('abort', arm)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', arm)
      clearTimeout(timer)
    },
  }
}

function exitCodeOfTotal({ failed, rows }: { failed: number; rows: { rejected: number } }): ExitCode {
  if (failed > 0) return exitCodes.loadFailed
  return rows.rejected > 0 ? exitCodes.rejects : exitCodes.ok
}

function stoppedBy(thrown: unknown, story: SendStory | undefined, writer: RowWriter | undefined): Stopped {
  const cause = thrown instanceof Interrupted ? new Interrupted(writer ? 'Interrupted.' : 'Interrupted. Nothing was sent.') : thrown
  if (story && writer) return new Stopped(cause, story.howToGoOn('Until then', writer.state()), story.facts(writer.state().total))
  const refused = cause instanceof SendError && cause.fault === 'not-resumable'
  const ways = '--restart sends all of it as a new stream; --checkpoint names another checkpoint.'
  return new Stopped(cause, refused ? `Nothing was sent. ${ways}\n` : '', {})
}
