import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetWriteBuffer, type SchemaElement } from 'hyparquet-writer'
import type { Compression, Format } from '#core/rows/encoding.ts'
import { csvFields, jsonMembers, noteLength, valueNames } from '../value-texts.ts'
import { mix, type Values, valuesOf } from '../values.ts'
import { type Cargo, type Kind, kindOf, rowsIn } from './cargo.ts'
import { fileDatasets, refusedAmount } from './tables.ts'

/** How a file is written. */
export interface Written {
  readonly format: Format
  readonly compression: Compression
}
export const ways: readonly Written[] = [
  { format: 'ndjson', compression: 'none' },
  { format: 'csv', compression: 'none' },
  { format: 'ndjson', compression: 'gzip' },
  { format: 'csv', compression: 'zstd' },
  { format: 'json', compression: 'none' },
  { format: 'parquet', compression: 'none' },
]

/** A row of a file with its values. */
export interface FullRow extends Values {
  readonly id: number
  /** Its number in the file, from 0. */
  readonly n: number
  readonly src: number
  readonly rev: number
}

/** What a run's rows are made of. */
export interface Recipe {
  readonly seed: number
  /** One in so many keys has rows that Postgres refuses. */
  readonly refusedEvery: number
}

export function fullRow(seed: number, { number }: Cargo, id: number, copy: number, n: number): FullRow {
  return { id, n, src: number, rev: revisionOf(seed, number, id, copy), ...valuesOf(seed, 4 * number + copy, id) }
}

/** No two rows of a key have the same: 2,000 times a number that is the row's own. */
const revisionOf = (seed: number, number: number, id: number, copy: number): number =>
  (mix(seed + copy, number, id) % 2000) * 1_000_000 + 4 * number + copy

function* allOf({ seed, refusedEvery }: Recipe, cargo: Cargo): Generator<FullRow> {
  let n = 0
  for (const { id, copy } of rowsIn(cargo)) {
    const row = fullRow(seed, cargo, id, copy, n++)
    yield spoilt(row, kindOf(id, refusedEvery))
  }
}

function spoilt(row: FullRow, kind: Kind): FullRow {
  if (kind === 'unreadable') return { ...row, note: 'x'.repeat(noteLength + 1) }
  return kind === 'refused' ? { ...row, amount: refusedAmount } : row
}

/** What files have besides, where it is passed over: of JSON not every row. */
const [spare, spareEvery] = ['spare', 5] as const
const hasSpare = ({ dataset }: Cargo): boolean => fileDatasets.get(dataset)?.unknownColumns === 'ignore'

/** Rows of which something is passed over: those that the reader refuses do not count. */
export function sparesIn({ refusedEvery }: Pick<Recipe, 'refusedEvery'>, cargo: Cargo, format: Format | 'auto'): number {
  if (!hasSpare(cargo)) return 0
  const every = format === 'ndjson' || format === 'json' ? spareEvery : 1
  let [n, spares] = [0, 0]
  for (const { id } of rowsIn(cargo)) if (n++ % every === 0 && kindOf(id, refusedEvery) !== 'unreadable') spares++
  return spares
}

/** The bytes of a file. */
export function writeFile(recipe: Recipe, cargo: Cargo, { format, compression }: Written, chunkBytes: number): Buffer {
  const more = hasSpare(cargo)
  if (format === 'parquet') return parquetOf([...allOf(recipe, cargo)], more, chunkBytes)
  const pieces: Buffer[] = []
  let text = format === 'csv' ? `${[...names, ...(more ? [spare] : [])].join(',')}\n` : format === 'json' ? '[' : ''
  let between = ''
  for (const row of allOf(recipe, cargo)) {
    text += format === 'csv' ? csvLine(row, more) : format === 'json' ? `${between}\n${jsonOf(row, more)}` : `${jsonOf(row, more)}\n`
    between = ','
    if (text.length < 64 * 1024) continue
    pieces.push(Buffer.from(text))
    text = ''
  }
  pieces.push(Buffer.from(format === 'json' ? `${text}\n]\n` : text))
  const whole = Buffer.concat(pieces)
  if (compression === 'gzip') return gzipSync(whole, { level: 1 })
  return compression === 'zstd' ? zstdCompressSync(whole, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }) : whole
}

const names = ['id', 'n', 'src', 'rev', ...valueNames] as const

/** Members in another order now and then. */
function jsonOf(row: FullRow, more: boolean): string {
  const { id, n, src, rev } = row
  const key = n % 7 === 0 ? `"n":${n},"id":"${id}","src": ${src}` : `"id":${id},"n":${n},"src":${src}`
  const besides = more && n % spareEvery === 0 ? `,"${spare}":[${n}]` : ''
  return `{${key},"rev":${rev},${jsonMembers(row, n)}${besides}}`
}
const csvLine = (row: FullRow, more: boolean): string =>
  `${row.id},${row.n},${row.src},${row.rev},${csvFields(row)}${more ? `,"${row.n}"` : ''}\n`

const string = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const
const leaves: Record<(typeof names)[number], Omit<SchemaElement, 'name' | 'repetition_type'>> = {
  id: { type: 'INT64' },
  n: { type: 'INT32' },
  src: { type: 'INT32' },
  rev: { type: 'INT32' },
  big: string,
  amount: string,
  ratio: { type: 'DOUBLE' },
  note: string,
  at: string,
  doc: string,
  ok: { type: 'BOOLEAN' },
}

/** @param chunkBytes about as many bytes a row group has */
function parquetOf(rows: readonly FullRow[], more: boolean, chunkBytes: number): Buffer {
  const schema: SchemaElement[] = [
    { name: 'root', num_children: names.length + (more ? 1 : 0) },
    ...names.map((name): SchemaElement => ({ ...leaves[name], name, repetition_type: 'OPTIONAL' })),
    ...(more ? ([{ name: spare, type: 'INT32', repetition_type: 'OPTIONAL' }] as const) : []),
  ]
  const columnData = [
    ...names.map((name) => ({ name, data: rows.map((row) => (name === 'id' ? BigInt(row.id) : row[name])) })),
    ...(more ? [{ name: spare, data: rows.map(({ n }) => n) }] : []),
  ]
  return Buffer.from(parquetWriteBuffer({ columnData, schema, rowGroupSize: Math.max(50, Math.floor(chunkBytes / 150)) }))
}
