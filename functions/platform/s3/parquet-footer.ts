import { type ColumnMetaData, type FileMetaData, parquetMetadata, type SchemaElement } from 'hyparquet'
import { LoadError } from '#core/errors.ts'
import { structEnd } from '#core/parquet/thrift.ts'
import { readPart } from './objects.ts'
import type { Source } from './source.ts'

/** Bytes read at first: most footers are within. And the most a footer may have: it is held as objects many times its size. */
const firstRead = 64 * 1024
const largestFooter = 16 * 1024 * 1024
/**
 * Bytes of a row group as stored: it is in the function's temporary storage while its rows are decoded, of which the function has 1 GiB. And its rows:
 * all of them are loaded by one call of the function, in one transaction.
 */
const largestGroup = 448 * 1024 * 1024
const mostRows = 64 * 1024 * 1024

/** Bytes of the file. */
interface Span {
  readonly start: number
  readonly end: number
}

/** A row group: where its bytes are and which rows it has. */
export interface RowGroup extends Span {
  readonly index: number
  /** The flat columns by name. */
  readonly columns: ReadonlyMap<string, Span & { readonly meta: ColumnMetaData }>
  readonly firstRow: number
  readonly rows: number
}

export interface Footer {
  readonly groups: readonly RowGroup[]
  /** The columns at the top; `nested` holds others. */
  readonly columns: readonly { readonly element: SchemaElement; readonly nested: boolean }[]
}

/** @throws LoadError parquet-invalid, parquet-unsupported, parquet-row-group-too-large */
export async function readFooter(source: Source): Promise<Footer> {
  const { size } = source
  let tail = await readPart(source.read, source.key, Math.max(0, size - firstRead), size)
  const magic = tail.toString('latin1', tail.length - 4)
  if (magic === 'PARE') throw encrypted()
  if (size < 12 || magic !== 'PAR1') throw invalid('It does not end with a footer; it was probably cut')
  const length = tail.readUInt32LE(tail.length - 8) + 8
  if (length > size - 4) throw invalid('Its footer is longer than the file')
  if (length > largestFooter)
    throw new LoadError('parquet-unsupported', `The footer has ${length} bytes, more than ${largestFooter}; write fewer row groups a file.`)
  if (length > tail.length) tail = await readPart(source.read, source.key, size - length, size)
  return footerOf(parse(tail.subarray(tail.length - length)), size)
}

function parse(bytes: Buffer): FileMetaData {
  try {
    structEnd(bytes.subarray(0, -8), 0)
    return parquetMetadata(bytes, { geoparquet: false })
  } catch (error) {
    throw invalid('Its footer cannot be read', error)
  }
}

function footerOf(metadata: FileMetaData, size: number): Footer {
  const groups: RowGroup[] = []
  let firstRow = 0
  // A list may stand at the top without a group around it.
  const repeated = new Set(metadata.schema.filter((element) => element.repetition_type === 'REPEATED').map(({ name }) => name))
  for (const [index, { columns, num_rows }] of metadata.row_groups.entries()) {
    const rows = Number(num_rows)
    if (rows === 0) continue
    const spans = columns.map(({ meta_data: meta, file_path, crypto_metadata }) => {
      if (!meta || crypto_metadata) throw encrypted()
      if (file_path) throw new LoadError('parquet-unsupported', 'The file keeps its columns in other files; write them into one.')
      // Some writers say 0 for a dictionary that is not there.
      const start = Math.min(Number(meta.dictionary_page_offset || meta.data_page_offset), Number(meta.data_page_offset))
      return { start, end: start + Number(meta.total_compressed_size), meta }
    })
    const start = spans.reduce((least, span) => Math.min(least, span.start), size)
    const end = spans.reduce((most, span) => Math.max(most, span.end), 0)
    if (!(rows > 0 && start >= 4 && start < end && end <= size && start >= (groups.at(-1)?.end ?? 0)))
      throw invalid(`Row group ${index} is not where the footer says`)
    if (end - start > largestGroup)
      throw new LoadError(
        'parquet-row-group-too-large',
        `Row group ${index} has ${end - start} bytes; at most ${largestGroup} are read at once. Write smaller ones, as with pyarrow's row_group_size=100000.`,
      )
    if (rows > mostRows)
      throw new LoadError(
        'parquet-row-group-too-large',
        `Row group ${index} has ${rows} rows; at most ${mostRows} are read at once. Write smaller ones.`,
      )
    const flat = spans.filter(({ meta }) => meta.path_in_schema.length === 1)
    const odd = flat.find(({ meta }) => Number(meta.num_values) !== rows && !repeated.has(meta.path_in_schema[0]!))
    if (odd) throw invalid(`row group ${index} has ${rows} rows, but ${odd.meta.num_values} values in a column`)
    groups.push({ index, start, end, columns: new Map(flat.map((span) => [span.meta.path_in_schema[0]!, span])), firstRow, rows })
    firstRow += rows
  }
  if (firstRow !== Number(metadata.num_rows))
    throw invalid(`its row groups have ${firstRow} rows together, and the footer says ${metadata.num_rows}`)
  return { groups, columns: [...topColumns(metadata.schema)] }
}

function* topColumns(schema: readonly SchemaElement[]): Generator<Footer['columns'][number]> {
  for (let at = 1; at < schema.length; ) {
    const element = schema[at]!
    yield { element, nested: (element.num_children ?? 0) > 0 || element.repetition_type === 'REPEATED' }
    let below = 1
    while (below-- > 0 && at < schema.length) below += schema[at++]?.num_children ?? 0
  }
}

export const invalid = (what: string, cause?: unknown): LoadError =>
  new LoadError('parquet-invalid', `${what}. Write and upload it again.`, { cause })
const encrypted = (): LoadError => new LoadError('parquet-unsupported', 'The Parquet file is encrypted; write it without encryption.')
