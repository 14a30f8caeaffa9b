import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetWriteBuffer, type SchemaElement } from 'hyparquet-writer'
import {
  bigint,
  boolean,
  bytea,
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
import { items, latest } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const kinds = dataset('kinds', {
  description: 'a column of each type',
  columns: {
    id: bigint(),
    i: integer({ nullable: true }),
    n: numeric({ nullable: true }),
    r: real({ nullable: true }),
    d: doublePrecision({ nullable: true }),
    b: boolean({ nullable: true }),
    t: text({ nullable: true }),
    u: uuid({ nullable: true }),
    day: date({ nullable: true }),
    local: timestamp({ nullable: true }),
    at: timestamptz({ nullable: true }),
    j: jsonb({ nullable: true }),
    raw: bytea({ nullable: true }),
  },
  primaryKey: ['id'],
  onConflict: 'ignore',
})

const { db, connect } = await scratchTables([items, latest, kinds])

const pipeline = (d: Dataset = items) => new Pipeline(d, connect)

type Leaf = Omit<SchemaElement, 'name' | 'repetition_type'>
interface Written {
  readonly leaf: Leaf
  readonly data: unknown[]
}
const compressors = {
  GZIP: (b: Uint8Array) => gzipSync(b),
  ZSTD: (b: Uint8Array) => zstdCompressSync(b),
  BROTLI: (b: Uint8Array) => brotliCompressSync(b),
}

function parquet(
  columns: Record<string, Written>,
  more: { rowGroupSize?: number; codec?: 'SNAPPY' | 'GZIP' | 'ZSTD' | 'BROTLI' | 'UNCOMPRESSED' } = {},
): Buffer {
  const names = Object.keys(columns)
  const schema: SchemaElement[] = [
    { name: 'root', num_children: names.length },
    ...names.map((name): SchemaElement => ({ ...columns[name]!.leaf, name, repetition_type: 'OPTIONAL' })),
  ]
  const columnData = names.map((name) => ({ name, data: columns[name]!.data }))
  return Buffer.from(parquetWriteBuffer({ columnData, schema, compressors, ...more }))
}
const int64: Leaf = { type: 'INT64' }
const string: Leaf = { type: 'BYTE_ARRAY', converted_type: 'UTF8' }
const rows = (n: number, nameOf: (i: number) => unknown = (i) => `name ${i}`) => ({
  id: { leaf: int64, data: Array.from({ length: n }, (_, i) => BigInt(i)) },
  name: { leaf: string, data: Array.from({ length: n }, (_, i) => nameOf(i)) },
})

for (const codec of ['SNAPPY', 'GZIP', 'ZSTD', 'BROTLI', 'UNCOMPRESSED'] as const)
  test(`${codec}: row groups are loaded once each, wherever the chunks are cut, and every byte is accounted for`, async () => {
    for (const chunkSize of [50, 700, 1 << 20]) {
      await db.query('TRUNCATE items')
      const p = pipeline()
      const bytes = parquet(
        rows(1000, (i) => (i % 10 === 3 ? null : i % 100 === 7 ? 'far too long a name' : `n${i}`)),
        { codec, rowGroupSize: 90 },
      )
      const load = p.open(bytes, 'parquet', 'none', chunkSize)
      await p.drain(3)
      const receipt = p.receipt(load.id)
      assert.equal(receipt.problem, null)
      assert.deepEqual(receipt.rows, { received: 1000, loaded: 990, updated: 0, duplicate: 0, rejected: 10, pending: 0 })
      assert.equal(receipt.checksum.loaded, receipt.checksum.uploaded)
      assert.deepEqual(
        p.rejectsOf(load.id).map((r) => [r.line, r.offset, r.code, r.column, r.raw]),
        Array.from({ length: 10 }, (_, i) => [
          i * 100 + 8,
          i * 100 + 7,
          'too-long',
          'name',
          `{"id":${i * 100 + 7},"name":"far too long a name"}`,
        ]),
      )
      const { rows: stored } = await db.query('SELECT count(*)::int AS n, count(name)::int AS named, sum(id)::int AS sum FROM items')
      assert.deepEqual(stored, [{ n: 990, named: 890, sum: 499_500 - 45 * 100 - 70 }])
    }
  })

test('a value of each type is stored exactly', async () => {
  const fixed = (n: number, more: Partial<Leaf>): Leaf => ({ type: 'FIXED_LEN_BYTE_ARRAY', type_length: n, ...more })
  const p = pipeline(kinds)
  const file = parquet({
    id: { leaf: int64, data: [9_223_372_036_854_775_807n, 2n] },
    i: { leaf: { type: 'INT32' }, data: [-2_147_483_648, null] },
    n: { leaf: fixed(12, { converted_type: 'DECIMAL', precision: 28, scale: 4 }), data: [-1_234_567_890_123_456_789_012_345_678n, 1n] },
    r: { leaf: { type: 'FLOAT' }, data: [1.5, null] },
    d: { leaf: { type: 'DOUBLE' }, data: [0.1, -0] },
    b: { leaf: { type: 'BOOLEAN' }, data: [true, false] },
    t: { leaf: string, data: ['höher 🚀', ''] },
    u: { leaf: fixed(16, { logical_type: { type: 'UUID' } }), data: ['00112233-4455-6677-8899-aabbccddeeff', null] },
    day: { leaf: { type: 'INT32', converted_type: 'DATE' }, data: [new Date('2024-02-29'), new Date('0001-01-01')] },
    local: {
      leaf: { type: 'INT64', logical_type: { type: 'TIMESTAMP', unit: 'MILLIS', isAdjustedToUTC: false } },
      data: [new Date('2001-07-01T12:00:00.123Z'), null],
    },
    at: { leaf: int64At, data: [1_234_567_890_123_456n, -1n] },
    j: { leaf: { type: 'BYTE_ARRAY', converted_type: 'JSON' }, data: [{ a: [1, null] }, null] },
    raw: { leaf: { type: 'BYTE_ARRAY' }, data: [Uint8Array.of(0, 255, 7), Uint8Array.of()] },
  })
  const load = p.open(file, 'parquet', 'none', 1 << 20)
  await p.drain(1)
  assert.deepEqual([p.receipt(load.id).problem, p.rejectsOf(load.id)], [null, []])
  const { rows: stored } = await db.query(
    "SELECT id::text, i, n::text, r, d::text, b, t, u, day::text, local::text, (at AT TIME ZONE 'UTC')::text AS at, j, encode(raw, 'hex') AS raw FROM kinds ORDER BY id",
  )
  assert.deepEqual(stored, [
    {
      ...{ id: '2', i: null, n: '0.0001', r: null, d: '-0', b: false, t: '', u: null, day: '0001-01-01', local: null },
      ...{ at: '1969-12-31 23:59:59.999999', j: null, raw: '' },
    },
    {
      ...{ id: '9223372036854775807', i: -2_147_483_648, n: '-123456789012345678901234.5678', r: 1.5, d: '0.1', b: true, t: 'höher 🚀' },
      ...{ u: '00112233-4455-6677-8899-aabbccddeeff', day: '2024-02-29', local: '2001-07-01 12:00:00.123' },
      ...{ at: '2009-02-13 23:31:30.123456', j: { a: [1, null] }, raw: '00ff07' },
    },
  ])
})
const int64At: Leaf = { type: 'INT64', logical_type: { type: 'TIMESTAMP', unit: 'MICROS', isAdjustedToUTC: true } }

test('values that a column does not take are refused by row, and nothing is converted', async () => {
  const p = pipeline()
  const load = p.open(
    parquet({
      id: { leaf: { type: 'DOUBLE' }, data: [1, 2.5, 3, 4] },
      name: { leaf: { type: 'BYTE_ARRAY' }, data: [Buffer.from('fine'), Buffer.from('fine'), Buffer.from([0xff, 0xfe]), null] },
    }),
    'parquet',
    'none',
    1 << 20,
  )
  await p.drain(1)
  assert.deepEqual(
    p.rejectsOf(load.id).map((r) => [r.line, r.column, r.code]),
    [
      [2, 'id', 'wrong-type'],
      [3, 'name', 'invalid-utf8'],
    ],
  )
  assert.equal(p.receipt(load.id).rows.loaded, 2)
})

test('policy update: chunks follow one another, the last row of a key wins; handed over in the middle', async () => {
  const p = pipeline(latest)
  const bytes = parquet(
    {
      id: { leaf: int64, data: Array.from({ length: 600 }, (_, i) => BigInt(i % 50)) },
      name: { leaf: string, data: Array.from({ length: 600 }, (_, i) => `v${i}`) },
    },
    { rowGroupSize: 70 },
  )
  const load = p.open(bytes, 'parquet', 'none', 600)
  let left = 0
  // Every invocation has time for a few chunks.
  await p.drain(
    1,
    () => left,
    (deps) => ({
      ...deps,
      getLoad: (id) => {
        left = 100_000
        return deps.getLoad(id)
      },
      projectChunk: async (of, result) => {
        await deps.projectChunk(of, result)
        left -= 25_000
      },
    }),
  )
  assert.deepEqual(p.receipt(load.id).rows, { received: 600, loaded: 50, updated: 550, duplicate: 0, rejected: 0, pending: 0 })
  const { rows: stored } = await db.query('SELECT id::int, name FROM latest ORDER BY id')
  assert.deepEqual(
    stored,
    Array.from({ length: 50 }, (_, i) => ({ id: i, name: `v${550 + i}` })),
  )
})

const whole = parquet(rows(500))
const damaged = Buffer.from(whole)
damaged.fill(0xff, 20, 200)
const nested = Buffer.from(
  parquetWriteBuffer({
    columnData: [
      { name: 'id', data: [1n] },
      { name: 'name', data: [['a', 'b']] },
    ],
    schema: [
      { name: 'root', num_children: 2 },
      { name: 'id', type: 'INT64', repetition_type: 'REQUIRED' },
      { name: 'name', num_children: 1, repetition_type: 'OPTIONAL', converted_type: 'LIST' },
      { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
      { name: 'element', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    ],
  }),
)
for (const [name, bytes, code] of [
  ['cut', whole.subarray(0, -10), 'parquet-invalid'],
  ['damaged', damaged, 'parquet-invalid'],
  ['only a magic number', Buffer.from('PAR1'), 'parquet-invalid'],
  ['encrypted', Buffer.concat([Buffer.from('PARE'), Buffer.alloc(50), Buffer.from('PARE')]), 'parquet-unsupported'],
  ['nested', nested, 'parquet-unsupported'],
  ['a missing column', parquet({ name: rows(3).name }), 'parquet-schema-mismatch'],
  ['an unknown column', parquet({ ...rows(3), more: rows(3).name }), 'parquet-schema-mismatch'],
] as const)
  test(`Parquet, ${name}: the load fails with ${code}, and nothing half is loaded`, async () => {
    const p = pipeline()
    const load = p.open(bytes, 'parquet', 'none', 1 << 20)
    await p.drain(1)
    const receipt = p.receipt(load.id)
    assert.deepEqual([receipt.state, receipt.problem?.code], ['failed', code])
    const { rows: stored } = await db.query('SELECT count(*)::int AS n FROM items')
    assert.deepEqual(stored, [{ n: 0 }])
  })
