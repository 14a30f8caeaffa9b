import type { SchemaElement } from 'hyparquet'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { PlannedLoad } from '#core/loads/load.ts'
import { PageMemory, ParquetColumn } from '#core/parquet/column.ts'
import { shownRow } from '#core/parquet/shown-row.ts'
import { BadValue, type ValueReader, valueReader } from '#core/parquet/values.ts'
import type { ChunkPosition, ReadChunk } from '#core/reading/chunk-read.ts'
import type { Quota, RowSink } from '#core/reading/read-rows.ts'
import { ignoredInAll } from '#core/rows/ignored.ts'
import { nearMiss } from '#core/rows/near-names.ts'
import { encodeRow, fieldsOf, firstTwice } from '#core/rows/row.ts'
import { unknownNames } from '#core/rows/unknown-names.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { refuse, rowTooLarge } from '#core/values/reject.ts'
import type { ReadObject } from './objects.ts'
import { type Footer, invalid, type RowGroup, readFooter } from './parquet-footer.ts'
import { type ScratchFile, scratchFile } from './scratch-file.ts'
import { plainText, type Source, SourceChecksum } from './source.ts'

/** Values of dictionaries that are kept as read, in all columns: some 25 MB of them. */
const valuesKept = 256 * 1024
/** Rows are handed on in buffers of about this many bytes. */
const writeBytes = 64 * 1024
/** Rejects that are gathered before their file is waited for. */
const refusedAtOnce = 64

/** One Parquet object, of which any chunk can be read: its footer is read once. */
export interface ParquetFile {
  readonly chunk: (chunk: number, before: ChunkPosition | undefined, quota: () => Quota) => ReadChunk
}

/**
 * A chunk owns the row groups that begin in its byte range, and its checksum covers exactly that range, whatever it had to read to decode them:
 * see docs/decisions. A row's line is its number in the file from 1, and its offset its number from 0.
 */
export function parquetOpener(read: ReadObject) {
  return (load: PlannedLoad, dataset: Dataset): ParquetFile => {
    const source = { read, key: load.objectKey, size: load.size }
    let footer: Promise<Footer> | undefined
    return {
      chunk: (chunk, before, quota) => async (sink, lead) => {
        footer ??= readFooter(source)
        const file = await footer
        const start = chunk * load.chunkSize
        const end = Math.min(start + load.chunkSize, load.size)
        const from = before?.nextRow ?? 0
        const owned = file.groups.filter((g) => g.start >= start && g.start < end && (!before || g.firstRow + g.rows > from))
        const rows = new GroupReader(file, dataset, new Date(load.createdAt), sink, lead, quota())
        const checksum = new SourceChecksum(before?.sourceEnd ?? start, end)
        let at = before?.sourceEnd ?? start
        for (const group of owned) {
          if (rows.isOver) break
          await pass(source, at, Math.min(group.start, end), checksum)
          await using stored = await scratchFile(plainText({ ...source, size: group.end }, group.start, group.end, checksum))
          at = Math.max(at, Math.min(group.end, end))
          await rows.read(group, stored, from)
        }
        const { received, encoded } = rows
        const nextRow = Math.max(from, owned[0]?.firstRow ?? 0) + received
        const lastOwned = owned.at(-1)
        const more = lastOwned !== undefined && nextRow < lastOwned.firstRow + lastOwned.rows
        if (!more) await pass(source, at, end, checksum)
        const names = file.columns.map(({ element }) => element.name)
        const ignored = ignoredInAll(unknownNames(dataset, names), encoded)
        return {
          received,
          encoded,
          ...(ignored && { ignored }),
          lines: received,
          nextRow,
          ended: false,
          ...checksum.take(),
          last: !more && end === load.size,
          ...(more && { more }),
        }
      },
    }
  }
}

/** Reads bytes that are only needed for the checksum. */
async function pass(source: Source, from: number, to: number, checksum: SourceChecksum): Promise<void> {
  if (from >= to) return
  for await (const piece of plainText({ ...source, size: to }, from, to, checksum)) void piece
}

interface Place {
  readonly name: string
  readonly element: SchemaElement
  readonly read: ValueReader
}

/** Decodes row groups and sends their rows on. */
class GroupReader {
  received = 0
  encoded = 0
  readonly #dataset: Dataset
  readonly #fields: ReturnType<typeof fieldsOf>
  readonly #sink: RowSink
  readonly #lead: boolean
  /** Of each field, where the file has it. */
  readonly #places: readonly (Place | undefined)[]
  readonly #out = new CopyWriter()
  /** Of each field, its value in this row. */
  readonly #values: unknown[]
  /** Rejects since the sink was last waited for. */
  #refused = 0
  /** Of this row: where it begins in what is written, and whether it is larger than a row may be. */
  #start = 0
  #isLarge = false
  readonly #quota: Quota
  /** True when the rows that are left are another part's. */
  isOver = false

  constructor(file: Footer, dataset: Dataset, day: Date, sink: RowSink, lead: boolean, quota: Quota) {
    this.#quota = quota
    this.#dataset = dataset
    this.#fields = fieldsOf(dataset, day)
    this.#sink = sink
    this.#lead = lead
    this.#places = placesOf(file, dataset)
    this.#values = new Array(this.#places.length)
  }

  /**
   * @param stored the bytes of the row group
   * @param from number of the first row that is wanted
   */
  async read(group: RowGroup, stored: ScratchFile, from: number): Promise<void> {
    const columns = this.#columns(group, stored)
    const out = this.#out
    const skipped = Math.max(0, from - group.firstRow)
    for (let i = 0; i < skipped; i++) this.#take(group, columns)
    const to = Math.min(group.rows, skipped + this.#quota.rows - this.received)
    for (let i = skipped; i < to && !this.isOver; i++) {
      this.#take(group, columns)
      this.#row(group.firstRow + i)
      if (out.length >= writeBytes) {
        await this.#sink.write(out.written)
        out.truncate(0)
        this.isOver = this.#quota.isOver(this.received)
      } else if (this.#refused < refusedAtOnce) continue
      this.#refused = 0
      await this.#sink.flush()
    }
    if (out.length > 0) await this.#sink.write(out.written)
    out.truncate(0)
    await this.#sink.flush()
    this.isOver ||= this.#quota.isOver(this.received) || this.received >= this.#quota.rows
  }

  #columns(group: RowGroup, stored: ScratchFile): (ParquetColumn | undefined)[] {
    const { rows, start } = group
    const memory = new PageMemory()
    const kept = Math.floor(valuesKept / this.#places.length)
    return this.#places.map((place) => {
      if (!place) return undefined
      const span = group.columns.get(place.name)
      if (!span) throw invalid(`Row group ${group.index} has no column "${place.name}"`)
      const { element, read } = place
      const from = span.start - start
      const column = { length: span.end - span.start, read: (a: number, b: number) => stored.read(from + a, from + b) }
      return new ParquetColumn(column, { element, meta: span.meta, rows, read, kept, memory })
    })
  }

  /** Takes the next row's values. */
  #take(group: RowGroup, columns: readonly (ParquetColumn | undefined)[]): void {
    try {
      for (let i = 0; i < columns.length; i++) this.#values[i] = columns[i]?.next()
    } catch (error) {
      // A call to the system that failed says nothing of the file.
      if (error instanceof LoadError || (error instanceof Error && 'syscall' in error)) throw error
      throw invalid(`Row group ${group.index} cannot be decoded (${error instanceof Error ? error.message : String(error)})`, error)
    }
  }

  #row(offset: number): void {
    const values = this.#values
    const out = this.#out
    this.received++
    const line = this.received
    this.#start = out.length
    this.#isLarge = false
    const bad = values.findIndex((value) => value instanceof BadValue)
    const fault =
      bad >= 0
        ? refuse((values[bad] as BadValue).code, this.#fields[bad]!.name, (values[bad] as BadValue).message)
        : encodeRow(this.#fields, this.#lead, this.#valueAt, line, offset, out)
    const refusal = this.#isLarge || this.#hasTooMuch() ? rowTooLarge : fault
    if (!refusal) {
      this.encoded++
      return
    }
    out.truncate(this.#start)
    this.#refused++
    const bytes = shownRow(
      this.#fields.map(({ name }) => name),
      values,
    )
    this.#sink.refuse(refusal, { bytes, line, offset, oversized: refusal.code === 'row-too-large' })
  }

  /** A row of a thousand large values is not written to its end only to be refused. */
  readonly #valueAt = (i: number): unknown => {
    this.#isLarge ||= this.#hasTooMuch()
    return this.#isLarge ? null : this.#values[i]
  }

  #hasTooMuch(): boolean {
    return this.#out.length - this.#start > this.#dataset.limits.rowBytes
  }
}

/** @throws LoadError parquet-schema-mismatch, parquet-unsupported */
function placesOf({ columns }: Footer, dataset: Dataset): (Place | undefined)[] {
  const wrong = (what: string): LoadError => new LoadError('parquet-schema-mismatch', `For dataset "${dataset.name}": the file ${what}.`)
  const names = columns.map(({ element }) => element.name)
  const twice = firstTwice(names)
  if (twice !== undefined) throw wrong(`has column "${twice.slice(0, 63)}" twice`)
  const near = nearMiss(dataset, names)
  if (near !== undefined) throw wrong(near)
  const [unknown] = unknownNames(dataset, names)
  if (unknown !== undefined && dataset.unknownColumns === 'reject')
    throw wrong(`has a column "${unknown.slice(0, 63)}" that the dataset does not have`)
  return Object.entries(dataset.columns).map(([name, column]) => {
    const found = columns[names.indexOf(name)]
    if (!found) {
      if (column.optional) return undefined
      throw wrong(`has no column "${name}"`)
    }
    const read = found.nested ? undefined : valueReader(found.element, column, dataset.limits.rowBytes)
    if (!read) throw new LoadError('parquet-unsupported', `Column "${name}" is nested, or of a type that is not read; write it flat.`)
    return { name, element: found.element, read }
  })
}
