import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError, RequestError } from '#core/errors.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { type RowSink, readRows } from '#core/reading/read-rows.ts'
import { rawBytes } from '#core/rejects/reject-row.ts'
import { type RejectSum, RejectTally } from '#core/rejects/reject-sums.ts'
import { csvColumns } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { settleFormat, textBytes } from '#core/rows/sniff.ts'
import type { Refusal } from '#core/values/reject.ts'
import { type BatchForm, batchLimits, declaring } from './batch-form.ts'
import { BatchText } from './batch-text.ts'
import { keyHash, type OrderingColumn, orderingColumn } from './lane.ts'

/** A row that the door refused. Its bytes are in the text. */
export interface RefusedRow {
  readonly refusal: Refusal
  readonly line: number
  readonly offset: number
  readonly length: number
  readonly oversized: boolean
}

/** What the rows of a batch are, found by the same code that loads them. */
export interface BatchRows {
  readonly form: BatchForm
  readonly text: BatchText
  /** Rows in all, refused ones included. */
  readonly received: number
  /** Place in the text of each good row, and the hash of its ordering key where the dataset has one. */
  readonly lines: readonly number[]
  readonly offsets: readonly number[]
  readonly hashes: readonly number[]
  readonly refused: readonly RefusedRow[]
  readonly sums: readonly RejectSum[]
  /** Of CSV: the columns, in the order of the text. */
  readonly columns: readonly string[] | undefined
}

/** A refused row with its bytes, or as much of them as is kept. */
export function refusedRow({ text }: Pick<BatchRows, 'text'>, row: RefusedRow) {
  const bytes = text.slice(row.offset, row.offset + Math.min(row.length, rawBytes + 1))
  return { ...row, bytes }
}

/** Bytes from which on a text shows what it is: more than a byte order mark. */
const firstSigns = 8
/**
 * Bytes pushed at once, first and most. The COPY rows of a piece need some six times as much: small batches leave little to the collector, whose
 * work would be the slowest of their calls; and in long texts a row of 1 MiB is not looked through again and again while it arrives.
 */
const [firstPiece, mostPiece] = [32 * 1024, 256 * 1024]

/**
 * Reads every row of a batch as the loader will. Its text is held until it is released.
 * @param day decides which partitions a row may go to
 * @throws RequestError body-too-large, too-many-rows
 * @throws LoadError when the text as a whole is wrong: format-mismatch, format-unsupported, csv-header-invalid, json-array-invalid, or cannot be inflated
 */
export async function readBatch(dataset: Dataset, form: BatchForm, day: Date, pieces: AsyncIterable<Buffer>): Promise<BatchRows> {
  const text = new BatchText()
  let looked = false
  const kept = async function* () {
    for await (const piece of pieces) {
      if (text.size + piece.length > batchLimits.text) throw tooLarge
      text.add(piece)
      if (!looked && text.size >= firstSigns) {
        looked = true
        settleFormat(form, 'none', text.slice(0, Math.min(text.size, textBytes)), declaring)
      }
      yield piece
    }
  }
  try {
    return await readText(dataset, form, day, text, kept())
  } catch (error) {
    text.release()
    throw error
  }
}

/** The same batch as it would have been read on another day. */
export function readAgain({ form, text }: BatchRows, dataset: Dataset, day: Date): Promise<BatchRows> {
  const pieces = async function* () {
    yield* text.pieces()
  }
  return readText(dataset, form, day, text, pieces())
}

async function readText(dataset: Dataset, form: BatchForm, day: Date, text: BatchText, pieces: AsyncIterable<Buffer>): Promise<BatchRows> {
  const { boundaries, hasHeader, reader } = rowFormatOf(form)
  const { rowBytes } = dataset.limits
  const splitter = new RowSplitter({ boundaries: boundaries(0), rowBytes, offset: 0, skipToNewline: false, ranged: false })
  const source = smallPieces(pieces)
  const more = async (): Promise<boolean> => {
    const { value, done } = await source.next()
    if (!done) splitter.push(value)
    return !done
  }
  try {
    const header = hasHeader ? await headerOf(splitter, more) : noHeader
    const gathered = new Gathered(dataset)
    const limit = batchLimits.text + 1
    // A text without anything in it has no rows; that it has no header either is not its fault.
    if (header) await readRows({ splitter, more }, limit, reader(dataset, { day, lead: true }, header), gathered, splitter.lines)
    const columns = form.format === 'csv' && header ? csvColumns(dataset, form.csv ?? standardCsv, header) : undefined
    return { form, text, columns, ...gathered.rows }
  } finally {
    await source.return(undefined)
  }
}

const noHeader = Buffer.alloc(0)
const tooLarge = new RequestError(
  'body-too-large',
  `The body has more than ${batchLimits.text / 1024 / 1024} MiB once it is inflated; send smaller batches, or a file`,
)
const tooManyRows = new RequestError(
  'too-many-rows',
  `The batch has more than ${batchLimits.rows.toLocaleString('en-US')} rows; send it in several, or as a file`,
)

async function* smallPieces(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let passed = 0
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + Math.min(mostPiece, Math.max(firstPiece, passed >> 1)))
      at += part.length
      passed += part.length
      yield part
    }
}

/** The row that names the columns; undefined when the text has no row at all. */
async function headerOf(splitter: RowSplitter, more: () => Promise<boolean>): Promise<Buffer | undefined> {
  let row = splitter.first(false)
  for (let left = true; !row && left; row = splitter.first(!left)) left = await more()
  if (row?.oversized) throw new LoadError('csv-header-invalid', 'The first line is longer than a row may be.')
  return row && Buffer.from(row.bytes)
}

/** Takes the rows' places out of their COPY rows, which begin with line and offset; the values are let go. */
class Gathered implements RowSink {
  readonly #ordering: OrderingColumn | undefined
  readonly #tally: RejectTally
  readonly #lines: number[] = []
  readonly #offsets: number[] = []
  readonly #hashes: number[] = []
  readonly #refused: RefusedRow[] = []

  constructor(dataset: Dataset) {
    this.#ordering = orderingColumn(dataset)
    this.#tally = new RejectTally(Object.keys(dataset.columns))
  }

  get rows() {
    const received = this.#offsets.length + this.#refused.length
    const [lines, offsets, hashes, refused] = [this.#lines, this.#offsets, this.#hashes, this.#refused]
    return { received, lines, offsets, hashes, refused, sums: this.#tally.sums }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const rows = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const key = this.#ordering
    for (let at = 0; at < rows.length; ) {
      const fields = rows.readInt16BE(at) - leading
      // The low halves of two int8, behind their lengths: both are far below 2^32.
      this.#lines.push(rows.readUInt32BE(at + 10))
      this.#offsets.push(rows.readUInt32BE(at + 22))
      at += 26
      for (let field = 0; field < fields; field++) {
        const length = rows.readInt32BE(at)
        at += 4
        if (field === key?.place) this.#hashes.push(keyHash(rows, at, at + length, key))
        if (length > 0) at += length
      }
    }
    this.#checkCount()
  }

  refuse(refusal: Refusal, { line, offset, bytes, oversized }: Parameters<RowSink['refuse']>[1]): void {
    this.#tally.add(refusal)
    this.#refused.push({ refusal, line, offset, length: bytes.length, oversized })
    this.#checkCount()
  }

  async flush(): Promise<void> {}

  #checkCount(): void {
    if (this.#offsets.length + this.#refused.length > batchLimits.rows) throw tooManyRows
  }
}

/** Line and offset. */
const leading = 2
