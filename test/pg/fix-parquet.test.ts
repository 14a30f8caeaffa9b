import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parquetWriteBuffer, type SchemaElement } from 'hyparquet-writer'
import {
  bigint,
  bytea,
  type Column,
  date,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  real,
  text,
  timestamp,
  timestamptz,
  uuid,
} from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { jsonFixFile } from '#core/rejects/fix-json.ts'
import type { Format } from '#core/rows/encoding.ts'
import type { StoredReject } from '../support/memory-rejects.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const nullable = { nullable: true }
const columns = {
  id: bigint(),
  name: text({ max: 12, nullable: true }),
  n: numeric(nullable),
  r: real(nullable),
  d: doublePrecision(nullable),
  small: integer(nullable),
  u: uuid(nullable),
  day: date(nullable),
  local: timestamp(nullable),
  at: timestamptz(nullable),
  doc: jsonb(nullable),
  raw: bytea(nullable),
}
const table = (name: string, all: Record<string, Column> = columns): Dataset =>
  dataset(name, { description: 'a test', columns: all, primaryKey: ['id'], onConflict: 'ignore' })
const [open, shut, docs] = [table('open'), table('shut'), table('docs', { id: bigint(), doc: jsonb(nullable) })]

const { db, connect } = await scratchTables([open, shut, docs])
await db.query('ALTER TABLE shut ADD CONSTRAINT shut CHECK (id IS NULL)')

type Leaf = Omit<SchemaElement, 'name' | 'repetition_type'>
const time = (unit: 'MICROS' | 'NANOS', isAdjustedToUTC: boolean): Leaf => ({
  type: 'INT64',
  logical_type: { type: 'TIMESTAMP', unit, isAdjustedToUTC },
})
const leaves: Readonly<Record<string, Leaf>> = {
  id: { type: 'INT64' },
  name: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  n: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 12, converted_type: 'DECIMAL', precision: 28, scale: 4 },
  r: { type: 'FLOAT' },
  d: { type: 'DOUBLE' },
  small: { type: 'INT64' },
  u: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
  day: { type: 'INT32', converted_type: 'DATE' },
  local: time('MICROS', false),
  at: time('NANOS', true),
  doc: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  raw: { type: 'BYTE_ARRAY' },
}

/** A Parquet file of rows in which columns may be left out: these are null. */
function parquet(rows: readonly Record<string, unknown>[], leavesOf = leaves): Buffer {
  const schema: SchemaElement[] = [
    { name: 'root', num_children: Object.keys(leavesOf).length },
    ...Object.entries(leavesOf).map(([name, leaf]): SchemaElement => ({ ...leaf, name, repetition_type: 'OPTIONAL' })),
  ]
  const columnData = Object.keys(leavesOf).map((name) => ({ name, data: rows.map((row) => row[name] ?? null) }))
  return Buffer.from(parquetWriteBuffer({ columnData, schema }))
}

async function load(d: Dataset, content: string | Buffer, format: Format) {
  const p = new Pipeline(d, connect)
  const { id } = p.open(Buffer.from(content), format, 'none', 1 << 20)
  await p.drain(1)
  assert.deepEqual(p.failures, [])
  const { state, problem, rows } = p.receipt(id)
  assert.equal(state, 'complete', JSON.stringify(problem))
  return { rows, rejects: p.rejectsOf(id).sort((a, b) => a.line - b.line) }
}
const written = (rejects: readonly StoredReject[]) => rejects.map(jsonFixFile.row).join('')
const stored = async ({ name }: Dataset) =>
  (await db.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t ORDER BY id`)).rows.map(({ row }) => row)

const good = [
  { id: 9_223_372_036_854_775_807n, name: 'höher 🚀', n: -1_234_567_890_123_456_789_012_345_678n, r: 0.1, d: -0, small: -2_147_483_648n },
  { id: 1n, name: '', n: 0n, r: -0, d: 5e-324, u: '00112233-4455-6677-8899-aabbccddeeff', day: new Date('0001-01-01') },
  {
    id: 2n,
    local: -62_135_596_800_000_000n,
    at: 1_234_567_890_123_456_000n,
    doc: '{"a":[1.50,-0,12345678901234567890.1]}',
    raw: Buffer.alloc(100, 255),
  },
  { id: 3n, r: 3.4028234663852886e38, doc: '"text"', day: new Date('9999-12-31') },
]

test('Parquet rows that Postgres refused load from the file of rejects with the same values', async () => {
  assert.equal((await load(open, parquet(good), 'parquet')).rows.loaded, good.length)
  const wanted = await stored(open)
  const { rejects } = await load(shut, parquet(good), 'parquet')
  assert.equal(rejects.length, good.length)
  await db.query('TRUNCATE open')
  assert.equal((await load(open, written(rejects), 'ndjson')).rows.loaded, good.length)
  assert.deepEqual(await stored(open), wanted)
})

const long = 'far too long a name'
const notUtf8 = Buffer.from('caf\xe9', 'latin1')
const faults: readonly [code: string, row: Record<string, unknown>, correct: (line: string) => string][] = [
  // A row that is refused for another column: the values of all others stay exactly as they are.
  ...good.map((row): (typeof faults)[number] => [
    'too-long',
    { ...row, name: long },
    (l) => l.replace(`"${long}"`, JSON.stringify((row as { name?: string }).name ?? null)),
  ]),
  ['out-of-range', { id: 10n, d: Number.NaN }, (l) => l.replace('"NaN"', '1.5').replace('"_raw":"d",', '')],
  ['out-of-range', { id: 11n, r: Number.NEGATIVE_INFINITY, d: 1 }, (l) => l.replace('"-Infinity"', 'null').replace('"_raw":"r",', '')],
  ['out-of-range', { id: 12n, small: 2_147_483_648n }, (l) => l.replace('2147483648', '2147483647')],
  ['wrong-type', { id: 13n, small: 9_007_199_254_740_993n }, (l) => l.replace('"9007199254740993"', '5')],
  ['invalid-utf8', { id: 14n, name: notUtf8 }, (l) => l.replace('caf\ufffd', 'café').replace('"_raw":"name",', '')],
  ['invalid-format', { id: 15n, doc: '{"a":' }, (l) => l.replace('"{\\"a\\":"', '{"a":1}').replace('"_raw":"doc",', '')],
  ['invalid-format', { id: 16n, doc: '{"a":1,"a":2}' }, (l) => l.replace(/"doc":"[^}]*}"/, '"doc":{"a":2}').replace('"_raw":"doc",', '')],
  [
    'invalid-format',
    { id: 17n, local: 253_402_300_800_000_000n },
    (l) => l.replace('"253402300800000000"', 'null').replace('"_raw":"local",', ''),
  ],
  ['too-precise', { id: 18n, at: 1n }, (l) => l.replace('.000000001Z', '.000001Z')],
  ['invalid-text', { id: 19n, name: 'a\0b' }, (l) => l.replace('\\u0000', '')],
  ['null-not-allowed', { name: 'x' }, (l) => l.replace('"id":null', '"id":20')],
]

test('Parquet rows that the parser refused are refused again as they are, and load once they are corrected', async () => {
  await load(open, parquet(good), 'parquet')
  const wanted = await stored(open)
  const { rows, rejects } = await load(open, parquet(faults.map(([, row]) => row)), 'parquet')
  assert.deepEqual(
    rejects.map(({ line, code }) => [line, code]),
    faults.map(([code], i) => [i + 1, code]),
  )
  assert.equal(rows.rejected, faults.length)
  const again = await load(open, written(rejects), 'ndjson')
  assert.equal(again.rows.rejected, faults.length)
  for (const sent of [written(rejects), written(again.rejects)]) {
    await db.query('TRUNCATE open')
    const fixed = sent
      .trimEnd()
      .split('\n')
      .map((line, i) => faults[i]![2](line))
    const last = await load(open, fixed.join('\n'), 'ndjson')
    assert.deepEqual([last.rows.loaded, last.rejects], [faults.length, []])
    assert.deepEqual(
      (await stored(open)).filter((row) => wanted.includes(row)),
      wanted,
    )
  }
})

test('a number that JSON does not have is no jsonb', async () => {
  const file = parquet(
    [
      { id: 1n, doc: 1.5 },
      { id: 2n, doc: Number.NaN },
    ],
    { id: leaves.id!, doc: { type: 'DOUBLE' } },
  )
  const { rows, rejects } = await load(docs, file, 'parquet')
  assert.equal(rows.loaded, 1)
  assert.deepEqual(
    rejects.map(({ code, column, raw }) => [code, column, raw]),
    [['invalid-format', 'doc', '{"id":2,"doc":"NaN","_raw":"doc"}']],
  )
})
