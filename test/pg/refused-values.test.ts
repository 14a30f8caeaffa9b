import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { array, bigint, bytea, type Column, jsonb, numeric, real, text, timestamptz } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { csvFixFile } from '#core/rejects/fix-csv.ts'
import type { FixFile } from '#core/rejects/fix-file.ts'
import { jsonFixFile } from '#core/rejects/fix-json.ts'
import { type CsvDialect, csvDialectFault, standardCsv } from '#core/rows/csv-dialect.ts'
import type { Format } from '#core/rows/encoding.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { duplicateKey, parseExact } from '#core/values/exact-json.ts'
import { fieldEncoder } from '#core/values/field.ts'
import { Consumer } from '../support/consumer.ts'
import type { StoredReject } from '../support/memory-rejects.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'
import { typedValues } from '../support/typed-values.ts'

/** A column of each type, and texts of values that it takes: short ones, so that each row is kept whole. */
const typed = typedValues.map(([, column, values], i) => {
  const encode = fieldEncoder('v', column)
  const isTaken = (json: string) => {
    if (json.length > 150 || /[eE][+-]?\d{4}/.test(json)) return false
    const value = parseExact(json)
    return !encode(value, new CopyWriter()) && !duplicateKey(json, value)
  }
  return [`v${i}`, column, values.filter(isTaken)] as const
})
/** Each table twice: one takes every row, the other none. */
const twice = (name: string, columns: Record<string, Column>): readonly [Dataset, Dataset] => {
  const options = { description: 'a test', columns, primaryKey: ['id'], onConflict: 'ignore' } as const
  return [dataset(name, options), dataset(`${name}_shut`, options)]
}
const nullable = { nullable: true }
const all = twice('all_types', { id: bigint(), ...Object.fromEntries(typed.map(([name, column]) => [name, column])) })
const edges = twice('edges', {
  id: bigint(),
  whole: array(bigint(nullable), nullable),
  exact: numeric(nullable),
  single: real(nullable),
  name: text(nullable),
  at: timestamptz(nullable),
  times: array(timestamptz(), nullable),
  doc: jsonb(nullable),
  docs: array(jsonb(nullable), nullable),
  raw: bytea(nullable),
  raws: array(bytea(), nullable),
})

const { db, connect } = await scratchTables([...all, ...edges])
for (const [, { name }] of [all, edges]) await db.query(`ALTER TABLE ${name} ADD CONSTRAINT shut CHECK (id IS NULL)`)
// A zone whose offset had seconds, and dates as ISO 8601 does not write them: neither may be seen in a row.
const { rows: own } = await db.query<{ name: string }>('SELECT current_database() AS name')
for (const setting of ["timezone = 'Europe/Amsterdam'", "datestyle = 'German'"])
  await db.query(`ALTER DATABASE ${own[0]!.name} SET ${setting}`)

async function load(d: Dataset, content: string, format: Format, csv?: CsvDialect) {
  const p = new Pipeline(d, connect)
  const { id } = p.open(Buffer.from(content), format, 'none', 1 << 20, csv && { csv })
  await p.drain(1)
  assert.deepEqual(p.failures, [])
  const { state, problem, rows } = p.receipt(id)
  assert.equal(state, 'complete', JSON.stringify(problem))
  return { rows, rejects: p.rejectsOf(id).sort((a, b) => a.offset - b.offset) }
}

/** What a table that takes every row has after a load, in Postgres' own words. */
async function stored([open]: readonly [Dataset, Dataset], content: string, format: Format, csv?: CsvDialect): Promise<string[]> {
  await db.query(`TRUNCATE ${open.name}`)
  const { rows, rejects } = await load(open, content, format, csv)
  assert.deepEqual([rows.loaded, rejects.slice(0, 3)], [rows.received, []])
  const found = await db.query<{ row: string }>(`SELECT t::text AS row FROM ${open.name} AS t ORDER BY id`)
  return found.rows.map(({ row }) => row)
}

async function refused([, shut]: readonly [Dataset, Dataset], content: string, format: Format, csv?: CsvDialect): Promise<StoredReject[]> {
  const { rows, rejects } = await load(shut, content, format, csv)
  assert.equal(rows.rejected, rows.received)
  for (const { code } of rejects) assert.equal(code, 'sqlstate-23514')
  return rejects
}
const written = (file: FixFile, rejects: readonly StoredReject[]) => file.head + rejects.map(file.row).join('')

/** Refused from every text format and sent again in each: always the same values. */
async function assertKept(tables: readonly [Dataset, Dataset], rows: readonly string[], csv: CsvDialect) {
  const { columns } = tables[0]
  const names = Object.keys(columns)
  const ndjson = rows.map((row) => `${row}\n`).join('')
  const wanted = await stored(tables, ndjson, 'ndjson')
  const first = await refused(tables, ndjson, 'ndjson')
  assert.deepEqual(await stored(tables, written(jsonFixFile, first), 'ndjson'), wanted)
  const raws = (await refused(tables, `[${rows.join(' ,\n')}]`, 'json')).map(({ raw }) => raw)
  assert.deepEqual(
    raws,
    first.map(({ raw }) => raw),
  )
  const asCsv = written(csvFixFile(csv, names, columns), first)
  assert.deepEqual(await stored(tables, asCsv, 'csv', csv), wanted)
  // The rejects of a file of rejects, and those of that one.
  const second = await refused(tables, asCsv, 'csv', csv)
  assert.deepEqual(await stored(tables, written(csvFixFile(csv, [...names, '_error', '_line'], columns), second), 'csv', csv), wanted)
  const third = await refused(tables, written(jsonFixFile, second), 'ndjson')
  assert.deepEqual(await stored(tables, written(jsonFixFile, third), 'ndjson'), wanted)
  return first
}

const row = fc.record(Object.fromEntries(typed.map(([name, , values]) => [name, values])))
const someRows = fc
  .array(row, { minLength: 1, maxLength: 30 })
  .map((rows) => rows.map((each, id) => `{"id":${id},${Object.entries(each).map(([name, value]) => `"${name}":${value}`)}}`))
const byte = fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c))
const dialects = fc.oneof(
  fc.constant(standardCsv),
  fc
    .record({
      delimiter: fc.oneof(fc.constantFrom(';', '\t', '|'), byte),
      quote: fc.oneof(fc.constant("'"), byte),
      null: fc.constantFrom('', 'NULL', '\\N', '1', 'true', 'null'),
      header: fc.constant(true),
    })
    .filter((dialect) => csvDialectFault(dialect) === undefined),
)

test('a row of any type that Postgres refused has the same values in the file of rejects, however often it is refused', async () => {
  await fc.assert(
    fc.asyncProperty(someRows, dialects, async (rows, csv) => void (await assertKept(all, rows, csv))),
    { numRuns: 12 },
  )
})

const edgeRows = [
  { id: '-9223372036854775808', whole: ['9223372036854775807', 9007199254740991, -9007199254740991, '9007199254740993', null] },
  // Postgres writes it as 7.038531e-26, which is another real once it has been a double.
  { id: 1, whole: [], single: JSON.rawJSON('7.038530691851209e-26'), exact: JSON.rawJSON(`-0.${'0'.repeat(1500)}10`) },
  { id: 2, single: JSON.rawJSON('-0'), exact: `${'9'.repeat(1000)}.${'9'.repeat(900)}0` },
  { id: 3, single: JSON.rawJSON('1e-45'), exact: JSON.rawJSON('1e1000') },
  { id: 4, name: '', at: '0001-01-01T00:00:00+15:59', times: [] },
  { id: 5, name: 'null', at: '9999-12-31T23:59:59.999999-15:59', times: ['0001-01-01T00:00:00Z', '1900-01-01T00:00:00Z'] },
  { id: 6, name: '\u2028"\\,\r\n\u007f\ufeff', at: '1900-01-01T00:00:00.5Z', doc: 'text', docs: ['text', null, [null], {}] },
  { id: 7, name: ' ', doc: '', docs: [] },
  { id: 8, name: 'NULL', doc: 'many numbers' },
  { id: 9, doc: true, raw: '' },
  { id: 10, doc: JSON.rawJSON('1.000'), raw: Buffer.alloc(200, 255).toString('base64'), raws: ['', Buffer.alloc(100).toString('base64')] },
  { id: 11, doc: {} },
].map((each) =>
  JSON.stringify(each).replace('"many numbers"', '[1.50,12345678901234567890.0,-0,1e300,{"__proto__":1,"":null," ":"\\u0001"}]'),
)

test('values at the edges of what a type takes', async () => {
  for (const csv of [standardCsv, { ...standardCsv, delimiter: ';', quote: "'", null: 'NULL' }]) {
    const rejects = await assertKept(edges, edgeRows, csv)
    for (const { truncated } of rejects) assert.equal(truncated, false)
  }
})

test('rows of a batch that Postgres refused have the same values in its file of rejects', async () => {
  const [open, shut] = edges
  const consumer = new Consumer([open, shut], connect)
  const texts = [edgeRows.slice(0, 7), edgeRows.slice(7)].map((rows) => rows.map((each) => `${each}\n`).join(''))
  const records = consumer.batch(shut, texts)
  assert.equal(await consumer.deliver(records), -1)
  const rejects = consumer.rejectsOf(records[0]!)
  assert.equal(rejects.length, edgeRows.length)
  const wanted = await stored(edges, texts.join(''), 'ndjson')
  assert.deepEqual(await stored(edges, written(jsonFixFile, rejects), 'ndjson'), wanted)
  const file = csvFixFile(standardCsv, Object.keys(open.columns), open.columns)
  assert.deepEqual(await stored(edges, written(file, rejects), 'csv'), wanted)
})

test('of a row over 8 KiB only the beginning is kept: nobody can load it by mistake', async () => {
  const [open] = edges
  const rows = [`{"id":1,"name":"${'x'.repeat(8150)}"}\n`, `{"id":2,"raw":"${Buffer.alloc(9000).toString('base64')}"}\n`]
  const rejects = await refused(edges, rows.join(''), 'ndjson')
  assert.deepEqual(
    rejects.map(({ truncated, raw }) => [truncated, raw.length]),
    [
      [true, 8192],
      [true, 8192],
    ],
  )
  await db.query('TRUNCATE edges')
  const csv = csvFixFile(standardCsv, Object.keys(open.columns), open.columns)
  for (const again of [await load(open, written(jsonFixFile, rejects), 'ndjson'), await load(open, written(csv, rejects), 'csv')])
    assert.deepEqual([again.rows.received, again.rows.rejected], [2, 2])
})
