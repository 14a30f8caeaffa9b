import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type Compressors, type DecodedArray, type FileMetaData, parquetScan, type SchemaElement } from 'hyparquet'
import { compressors as portable } from 'hyparquet-compressors'
import { CopyWriter } from '#core/copy-writer.ts'
import type { Dataset } from '#core/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { PlannedLoad } from '#core/load.ts'
import { BadValue, kindOf, type ValueReader, valueReader } from '#core/parquet-values.ts'
import type { RowSink, RowsRead } from '#core/read-rows.ts'
import { refuse } from '#core/reject.ts'
import { encodeRow, fieldsOf } from '#core/row.ts'
import type { ReadObject } from './objects.ts'
import { type Footer, invalid, parsers, type RowGroup, readFooter } from './parquet-footer.ts'
import { plainText, type Source, SourceChecksum } from './source.ts'

/** Values decoded at a time: some 50 MB of them. */
const cellsAtOnce = 2 * 1024 * 1024
const fewestRows = 8192
/** Bytes of one page, inflated. Writers keep to 1 MiB; a page is made of whole rows, and is held. */
const largestPage = 64 * 1024 * 1024
/** Rows are handed on in buffers of about this many bytes. */
const writeBytes = 64 * 1024

interface ChunkRead extends RowsRead {
  readonly sourceStart: number
  readonly sourceEnd: number
  readonly crc32: number
  readonly last: boolean
}
type ReadChunk = (sink: RowSink, lead: boolean) => Promise<ChunkRead>

/** One Parquet object, of which any chunk can be read: its footer is read once. */
export interface ParquetFile {
  readonly chunk: (chunk: number) => ReadChunk
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
      chunk: (chunk) => async (sink, lead) => {
        footer ??= readFooter(source)
        const file = await footer
        const start = chunk * load.chunkSize
        const end = Math.min(start + load.chunkSize, load.size)
        const owned = file.groups.filter((group) => group.start >= start && group.start < end)
        const rows = new GroupReader(file, dataset, new Date(load.createdAt), sink, lead)
        const checksum = new SourceChecksum(start, end)
        let at = start
        for (const group of owned) {
          await pass(source, at, Math.min(group.start, end), checksum)
          const bytes = await readGroup(source, group, checksum)
          at = Math.min(group.end, end)
          await rows.read(group, bytes)
        }
        await pass(source, at, end, checksum)
        const firstRow = owned[0]?.firstRow ?? 0
        const { received, encoded } = rows
        return {
          received,
          encoded,
          lines: received,
          nextRow: firstRow + received,
          ended: false,
          ...checksum.take(),
          last: end === load.size,
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

async function readGroup(source: Source, group: RowGroup, checksum: SourceChecksum): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(group.end - group.start)
  let at = 0
  for await (const piece of plainText({ ...source, size: group.end }, group.start, group.end, checksum)) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes.buffer
}

interface Place {
  readonly name: string
  readonly read: ValueReader
}

/** Decodes row groups and sends their rows on. */
class GroupReader {
  received = 0
  encoded = 0
  readonly #metadata: FileMetaData
  readonly #dataset: Dataset
  readonly #fields: ReturnType<typeof fieldsOf>
  readonly #sink: RowSink
  readonly #lead: boolean
  /** Of each field, where the file has it. */
  readonly #places: readonly (Place | undefined)[]

  constructor(file: Footer, dataset: Dataset, day: Date, sink: RowSink, lead: boolean) {
    this.#metadata = { ...file.metadata, schema: file.metadata.schema.map(storedType) }
    this.#dataset = dataset
    this.#fields = fieldsOf(dataset, day)
    this.#sink = sink
    this.#lead = lead
    this.#places = placesOf(file, dataset)
  }

  async read(group: RowGroup, bytes: ArrayBuffer): Promise<void> {
    const names = this.#places.flatMap((place) => place?.name ?? [])
    const { readColumn } = await this.#scan(group, bytes, names)
    const atOnce = Math.max(fewestRows, Math.floor(cellsAtOnce / Math.max(1, names.length)))
    const out = new CopyWriter()
    for (let from = 0; from < group.rows; from += atOnce) {
      const rows = Math.min(atOnce, group.rows - from)
      const columns: (DecodedArray | undefined)[] = []
      for (const place of this.#places)
        columns.push(place && (await decode(group, () => readColumn({ column: place.name, rowStart: from, rowEnd: from + rows }), rows)))
      for (let i = 0; i < rows; i++) {
        this.#row(columns, i, group.firstRow + from + i, out)
        if (out.length >= writeBytes) {
          await this.#sink.write(out.written)
          out.truncate(0)
          await this.#sink.flush()
        }
      }
      await this.#sink.flush()
    }
    if (out.length > 0) await this.#sink.write(out.written)
  }

  /** Only the group's own bytes are there to be read, so that no fault of the network can pass for one of the file. */
  #scan(group: RowGroup, bytes: ArrayBuffer, columns: string[]) {
    const metadata = { ...this.#metadata, row_groups: [this.#metadata.row_groups[group.index]!] }
    const slice = (from: number, to = group.end) => bytes.slice(from - group.start, to - group.start)
    const file = { byteLength: group.end, slice }
    return decodeStep(group, () =>
      parquetScan({ file, metadata, columns, compressors, parsers, utf8: false, useOffsetIndex: false, geoparquet: false }),
    )
  }

  #row(columns: readonly (DecodedArray | undefined)[], i: number, offset: number, out: CopyWriter): void {
    let bad: { column: string; value: BadValue } | undefined
    const valueAt = (field: number): unknown => {
      const stored: unknown = columns[field] === undefined ? undefined : (columns[field][i] ?? null)
      if (stored === undefined || stored === null) return stored
      const value = this.#places[field]!.read(stored)
      if (!(value instanceof BadValue)) return value
      bad ??= { column: this.#fields[field]!.name, value }
      return null
    }
    this.received++
    const start = out.length
    const line = this.received
    const fault = encodeRow(this.#fields, this.#lead, valueAt, line, offset, out)
    const large = out.length - start > this.#dataset.limits.rowBytes
    const refusal = bad ? refuse(bad.value.code, bad.column, bad.value.message) : (fault ?? (large ? tooLarge : undefined))
    if (!refusal) {
      this.encoded++
      return
    }
    out.truncate(start)
    const row = Object.fromEntries(this.#fields.map((field, f) => [field.name, valueAt(f)]))
    this.#sink.refuse(refusal, { bytes: Buffer.from(JSON.stringify(row)), line, offset, oversized: refusal === tooLarge })
  }
}

/** @throws LoadError parquet-schema-mismatch, parquet-unsupported */
function placesOf({ columns }: Footer, dataset: Dataset): (Place | undefined)[] {
  const wrong = (what: string): LoadError =>
    new LoadError('parquet-schema-mismatch', `The columns of the file do not fit dataset "${dataset.name}": ${what}.`)
  const names = columns.map(({ element }) => element.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw wrong(`"${twice}" stands twice`)
  const unknown = names.find((name) => !Object.hasOwn(dataset.columns, name))
  if (unknown !== undefined && dataset.unknownColumns === 'reject') throw wrong(`the dataset has no column "${unknown.slice(0, 63)}"`)
  return Object.entries(dataset.columns).map(([name, column]) => {
    const found = columns[names.indexOf(name)]
    if (!found) {
      if (column.optional) return undefined
      throw wrong(`"${name}" is missing`)
    }
    const read = found.nested ? undefined : valueReader(found.element, column)
    if (!read) throw new LoadError('parquet-unsupported', `Column "${name}" is nested, or of a type that is not read; write it flat.`)
    return { name, read }
  })
}

/** The column as it is stored: what is declared of it is applied later, exactly. */
function storedType(element: SchemaElement): SchemaElement {
  if (element.type === undefined || element.logical_type?.type === 'FLOAT16') return element
  const { converted_type: _, logical_type: __, ...stored } = element
  return kindOf(element).name === 'text' ? { ...stored, converted_type: 'UTF8' } : stored
}

async function decode(group: RowGroup, column: () => Promise<DecodedArray>, rows: number): Promise<DecodedArray> {
  const values = await decodeStep(group, column)
  if (values.length !== rows) throw invalid(`row group ${group.index} has fewer rows than it says`)
  return values
}

async function decodeStep<T>(group: RowGroup, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof LoadError) throw error
    throw invalid(`row group ${group.index} cannot be decoded (${error instanceof Error ? error.message : String(error)})`, error)
  }
}

/** Node's own decoders where it has them; none inflates beyond what a page may have. */
const compressors: Compressors = Object.fromEntries(
  Object.entries({
    ...portable,
    GZIP: (input: Uint8Array, maxOutputLength: number) => gunzipSync(input, { maxOutputLength }),
    BROTLI: (input: Uint8Array, maxOutputLength: number) => brotliDecompressSync(input, { maxOutputLength }),
    ZSTD: (input: Uint8Array, maxOutputLength: number) => zstdDecompressSync(input, { maxOutputLength }),
  }).map(([codec, inflate]) => [
    codec,
    (input: Uint8Array, length: number) => {
      if (length > largestPage)
        throw new LoadError('parquet-row-group-too-large', `A page inflates to ${length} bytes; write pages of 1 MiB.`)
      return length === 0 ? new Uint8Array() : inflate(input, length)
    },
  ]),
)

const tooLarge = refuse('row-too-large', null, 'the row is larger than the dataset allows')
