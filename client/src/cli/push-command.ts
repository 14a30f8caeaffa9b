import { type Command, Option } from 'commander'
import type { MaxRejects } from '../../../functions/core/dataset/max-rejects.ts'
import { finalStates } from '../../../functions/core/loads/receipt.ts'
import { type Compression, compressions, type Format, formats } from '../../../functions/core/rows/encoding.ts'
import { fileSource } from '../file-source.ts'
import type { PushOptions, PushResult } from '../push-options.ts'
import { answer, type CommonOptions, type Context, type Io } from './context.ts'
import { detectEncoding } from './detect.ts'
import { exitCodeOf, Interrupted, UsageError } from './exit.ts'
import { bytes } from './figures.ts'
import { rejectLimit, wholeNumber } from './numbers.ts'
import { equation, printReceipt } from './print.ts'
import { createProgressBar, type ProgressBar } from './progress.ts'

interface PushFlags extends CommonOptions {
  readonly dataset: string
  readonly format?: Format | 'auto'
  readonly compression?: Compression | 'auto'
  readonly wait: boolean
  readonly again?: boolean
  readonly key?: string
  readonly parallel: number
  readonly expectRows?: number
  readonly maxRejects?: MaxRejects
  readonly delimiter?: string
  readonly quote?: string
  readonly csvNull?: string
  readonly header: boolean
  readonly columns?: string[]
  readonly fixes?: string
}

export function addPush(program: Command, context: Context): void {
  program
    .command('push')
    .summary('send a file and wait for its receipt')
    .description(
      'Sends a file into a dataset, and prints the receipt when every row is accounted for. Interrupted or killed, the same command goes on where it stopped. A file that was loaded already is not sent again.',
    )
    .argument('<file>', 'an NDJSON, JSON or CSV file, plain, gzip or zstd, or a Parquet file')
    .requiredOption('-d, --dataset <name>', 'where the rows go (see `millrace datasets`)')
    .addOption(
      new Option('--format <format>', 'default: by the name (.ndjson, .jsonl, .csv, .parquet), else by the content').choices([
        ...formats,
        'auto',
      ]),
    )
    .addOption(
      new Option('--compression <compression>', 'default: by the name (.gz, .zst) and the first bytes').choices([...compressions, 'auto']),
    )
    .option('--wait', 'wait until every row is accounted for', true)
    .option('--no-wait', 'return when the bytes are there, before they are loaded')
    .option('--again', 'make a new load even if this file was loaded before')
    .option('--key <key>', 'the Idempotency-Key to use instead of one made from the content')
    .option('--parallel <parts>', 'parts sent at a time', wholeNumber(1, 64), 4)
    .option('--expect-rows <rows>', 'fail unless the file has exactly as many rows', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--max-rejects <rows>', 'stop when more rows are rejected: a count, or a share such as 1%', rejectLimit)
    .option('--delimiter <character>', 'CSV: what stands between fields, \\t for a tab (default: a comma)')
    .option('--quote <character>', 'CSV: what stands around a field (default: ")')
    .option('--csv-null <text>', 'CSV: what a field without quotes says when it is NULL (default: nothing)')
    .option('--no-header', 'CSV: the first line is a row already')
    .option(
      '--columns <names>',
      'CSV: the columns of a file without header, with commas (default: all, as the dataset has them)',
      (names) => names.split(','),
    )
    .option('--fixes <load>', 'the load whose rejects this file corrects: the two are linked')
    .action((file: string, flags: PushFlags, command: Command) => push(file, flags, command, context))
}

async function push(file: string, flags: PushFlags, command: Command, { io, connect, end }: Context): Promise<void> {
  if (flags.again && flags.key) throw new UsageError('--again makes a new key, so it does not go with --key')
  const client = connect(command)
  const { json } = command.optsWithGlobals<CommonOptions>()
  await using source = await fileSource(file).catch((cause: unknown) => {
    throw new UsageError(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
  const encoding = await detectEncoding(source, flags)
  const csv = csvDialect(flags, encoding.format)
  const bar = barOn(io, json)
  /** What to tell the user when the push is interrupted; grows with what is known. */
  let onInterrupt = 'Nothing was sent.'
  try {
    const result = await client.pushFile(source, {
      ...encoding,
      csv,
      dataset: flags.dataset,
      wait: flags.wait,
      again: flags.again === true,
      key: flags.key,
      parallel: flags.parallel,
      expectedRows: flags.expectRows,
      maxRejects: flags.maxRejects,
      fixes: flags.fixes,
      signal: io.signal,
      onProgress: (progress) => {
        bar?.show(progress)
        const same =
          flags.again && progress.phase === 'open' ? `the same command with --key ${progress.key} instead of --again` : 'the same command'
        if (progress.phase === 'open')
          onInterrupt = `What was sent is kept as load ${progress.load}: ${same} goes on from there.\nTo give it up: millrace abort ${progress.load}`
        if (progress.phase === 'load')
          onInterrupt = `The file is there, and the load goes on by itself: millrace receipt ${progress.receipt.id} --wait`
      },
    })
    bar?.end()
    const { receipt, alreadyThere, sent, resumed, key } = result
    answer(io, command, { receipt, alreadyThere, sentBytes: sent, resumedBytes: resumed, key }, () => story(result) + printReceipt(receipt))
    end(exitCodeOf(receipt))
  } catch (error) {
    bar?.end()
    if (error instanceof Interrupted) throw new Interrupted(`Interrupted. ${onInterrupt}`)
    throw error
  }
}

/** The dialect as far as it was told; undefined when nothing was. */
function csvDialect({ delimiter, quote, csvNull, header, columns }: PushFlags, format: Format | 'auto'): PushOptions['csv'] {
  const csv = {
    ...(delimiter !== undefined && { delimiter: delimiter === '\\t' ? '\t' : delimiter }),
    ...(quote !== undefined && { quote }),
    ...(csvNull !== undefined && { null: csvNull }),
    ...((!header || columns) && { header: false }),
    ...(columns && { columns }),
  }
  if (Object.keys(csv).length === 0) return undefined
  if (format !== 'csv')
    throw new UsageError('--delimiter, --quote, --csv-null, --no-header and --columns are for CSV files: give --format csv')
  return csv
}

function barOn(io: Io, json: boolean | undefined): ProgressBar | undefined {
  if (json || io.columns() === undefined) return undefined
  return createProgressBar({ write: io.err, columns: () => io.columns() ?? 80, now: () => performance.now() })
}

function story({ receipt, alreadyThere, resumed }: PushResult): string {
  if (alreadyThere)
    return `These bytes were pushed before${receipt.fileName ? ` (as ${receipt.fileName})` : ''}: nothing was sent, and this is that load's receipt. --again makes a new load.\n\n`
  const story = resumed > 0 ? `Resumed: ${bytes(resumed)} were there from an earlier push.\n\n` : ''
  return finalStates.has(receipt.state)
    ? story
    : `${story}The bytes are there: ${equation(receipt.rows)}. Follow with: millrace receipt ${receipt.id} --wait\n\n`
}
