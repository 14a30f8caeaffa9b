import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type pg from 'pg'
import { parseArrayLiteral } from '#core/array-literal.ts'
import {
  array,
  bigint,
  boolean,
  bytea,
  type Column,
  date,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  oneOf,
  real,
  smallint,
  sqlType,
  text,
  timestamp,
  timestamptz,
  uuid,
} from '#core/column.ts'
import { CopyWriter } from '#core/copy-writer.ts'
import { standardCsv } from '#core/csv-dialect.ts'
import { csvScanner } from '#core/csv-scanner.ts'
import { dataset } from '#core/dataset.ts'
import { parseExact } from '#core/exact-json.ts'
import { fieldEncoder } from '#core/field.ts'
import { jsonScanner } from '#core/json-scanner.ts'
import { copyInto } from '#platform/copy.ts'
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts'

let scratch: ScratchDatabase
let db: pg.Client
before(async () => {
  scratch = await scratchDatabase()
  db = await scratch.connect()
  await db.query("SET timezone = 'UTC'; SET extra_float_digits = 1")
})
after(() => scratch[Symbol.asyncDispose]())

/** JSON texts of values, good and bad, for one type; what the encoder takes must be stored as Postgres itself reads it. */
const pad = (n: number, width = 2) => String(n).padStart(width, '0')
const day = fc
  .tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }))
  .map(([y, m, d]) => `${pad(y, 4)}-${pad(m)}-${pad(d)}`)
const clock = fc
  .tuple(
    fc.integer({ min: 0, max: 24 }),
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 60 }),
    fc.constantFrom('', '.5', '.123456', '.1234567', '.000001'),
  )
  .map(([h, m, s, f]) => `${pad(h)}:${pad(m)}:${pad(s)}${f}`)
const zone = fc.constantFrom('', 'Z', '+02', '-05:30', '+1559', '+16:00')
const plainMoment = fc
  .tuple(fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }), fc.constantFrom('', 'Z', '+05:30'))
  .map(([date, end]) => date.toISOString().slice(0, -1) + end)
const moments = fc
  .oneof(
    plainMoment,
    fc.tuple(day, fc.constantFrom('T', ' '), clock, zone).map((parts) => parts.join('')),
  )
  .map((text) => JSON.stringify(text))
const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,12})?([eE][+-]?\d{1,2})?$/)
const numbers = fc.oneof(
  digits,
  digits.map((d) => JSON.stringify(d)),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
  fc.constantFrom(
    '-0',
    '1e400',
    '1e-400',
    '1.00000000000000001',
    '1.0',
    '4e-324',
    '0e-999',
    '100e-2',
    '"NaN"',
    '9007199254740993',
    '"9223372036854775808"',
    '"-9223372036854775808"',
    'true',
    '""',
  ),
)
const strings = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom('\0', '\ud800', 'x\udc00', 'é', '🚀🚀', 'é'),
  )
  .map((s) => JSON.stringify(s))

const base64 = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((bytes) => JSON.stringify(Buffer.from(bytes).toString('base64'))),
  fc.constantFrom('"YQ"', '"YR=="', '"Y Q=="', '"YQ==\\n"', '"_w=="', '"===="', '1'),
)
const arraysOf = (elements: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.array(elements, { maxLength: 4 }).map((each) => `[${each.join(', ')}]`) },
    { weight: 1, arbitrary: fc.constantFrom('{}', '"{1}"', '1', 'null', '[[1]]', '[null]') },
  )
const plainNumbers = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: -99, max: 99 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('1.5', '"1"') },
)
const colours = fc.constantFrom('"red"', '"green"', '"dark blue"', '"é"', '"Red"', '""', '1', 'null')

const cases: readonly [string, Column, fc.Arbitrary<string>][] = [
  ['smallint', smallint({ nullable: true }), numbers],
  ['integer', integer({ nullable: true }), numbers],
  ['bigint', bigint({ nullable: true }), numbers],
  ['numeric', numeric({ nullable: true }), numbers],
  ['numeric(10,3)', numeric({ precision: 10, scale: 3, nullable: true }), numbers],
  ['real', real({ nullable: true }), numbers],
  ['double precision', doublePrecision({ nullable: true }), numbers],
  ['boolean', boolean({ nullable: true }), fc.constantFrom('true', 'false', '1', '"true"', 'null')],
  ['text', text({ nullable: true }), strings],
  ['varchar(4)', text({ max: 4, nullable: true }), strings],
  [
    'uuid',
    uuid({ nullable: true }),
    fc.oneof(
      fc.uuid().map((u) => JSON.stringify(u)),
      fc.uuid().map((u) => JSON.stringify(u.toUpperCase().slice(1))),
    ),
  ],
  ['date', date({ nullable: true }), day.map((d) => JSON.stringify(d))],
  ['timestamp', timestamp({ nullable: true }), moments],
  ['timestamptz', timestamptz({ nullable: true }), moments],
  [
    'jsonb',
    jsonb({ nullable: true }),
    fc.oneof(
      fc.json(),
      numbers,
      strings,
      fc.constantFrom(
        '{"a":1e2,"a":2}',
        '["\\\\u0000"]',
        '["\\u0000"]',
        '12345678901234567890.123',
        `[0.${'1'.repeat(16_383)}]`,
        `0.${'1'.repeat(16_384)}`,
        '{"a":1e-16383}',
        '1e-16384',
        '1e131071',
        '1e131072',
        `1${'0'.repeat(131_072)}`,
      ),
    ),
  ],
  ['bytea', bytea({ nullable: true }), base64],
  ['an enum', oneOf(['red', 'green', 'dark blue', 'é'], { nullable: true }), colours],
  ...(
    [
      [smallint({ nullable: true }), plainNumbers],
      [integer({ nullable: true }), plainNumbers],
      [bigint({ nullable: true }), plainNumbers],
      [numeric({ nullable: true }), plainNumbers],
      [numeric({ precision: 3, scale: 1 }), plainNumbers],
      [real(), plainNumbers],
      [doublePrecision(), plainNumbers],
      [boolean({ nullable: true }), fc.constantFrom('true', 'false', 'null')],
      [text({ nullable: true }), strings],
      [text({ max: 4 }), strings],
      [uuid(), fc.uuid().map((u) => JSON.stringify(u))],
      [date(), fc.constantFrom('"2024-02-29"', '"0001-01-01"', '"2023-02-29"')],
      [timestamp(), fc.constantFrom('"2024-02-29T01:02:03"', '"2024-02-29T01:02:03Z"')],
      [timestamptz(), fc.constantFrom('"2024-02-29T01:02:03.5+02"', '"2024-02-29T01:02:03Z"')],
      [jsonb({ nullable: true }), fc.oneof(fc.json(), plainNumbers)],
      [bytea(), base64],
      [oneOf(['red', 'green', 'dark blue', 'é'], { nullable: true }), colours],
    ] as [Column, fc.Arbitrary<string>][]
  ).map(([element, elements]): [string, Column, fc.Arbitrary<string>] => [
    `${sqlType(element)}[]${element.type === 'enum' ? ' of an enum' : ''}`,
    array(element, { nullable: true }),
    arraysOf(elements),
  ]),
]

for (const [name, column, values] of cases)
  test(`${name}: what is taken is stored as Postgres reads it; what Postgres refuses is refused`, async () => {
    await db.query(`DROP TABLE IF EXISTS one; CREATE TABLE one (n bigint, v ${sqlType(column)})`)
    const encode = fieldEncoder('v', column)
    const scan = scannersOf(column)
    const out = new CopyWriter()
    let scanned = 0
    const taken: { n: number; json: string }[] = []
    const refused: string[] = []
    for (const [n, json] of fc.sample(values, { numRuns: 1500, seed: 7 }).entries()) {
      const mark = out.length
      out.fieldCount(2)
      out.int64(n)
      if (encode(parseExact(json), out)) {
        out.truncate(mark)
        refused.push(json)
        continue
      }
      taken.push({ n, json })
      // Each of the three readers stores a third of them.
      if (n % 3 === 0) continue
      const row = scan(n % 3 === 1 ? 'NDJSON' : 'CSV', n, json)
      if (row.length === 0) continue
      scanned++
      out.truncate(mark)
      row.copy(out.reserve(row.length).buffer, mark)
      out.advance(mark + row.length)
    }
    const copy = copyInto(db, 'one', ['n', 'v'])
    await copy.write(out.written)
    assert.equal(await copy.finish(), taken.length)
    assert.ok(scanned > 30, `${scanned} rows read by a scanner`)
    assert.ok(taken.length > 0 && refused.length + taken.length === 1500)
    if (!/jsonb|^text$|uuid..$|boolean..$/.test(name)) assert.ok(refused.length > 0, 'the generator made nothing bad')
    const { rows } = await db.query(
      `SELECT json, stored, read FROM (SELECT t.json, one.v::text AS stored, (${readBy(column, 't.json::json')})::${sqlType(column)}::text AS read
       FROM jsonb_to_recordset($1::jsonb) AS t(n bigint, json text) JOIN one USING (n)) AS each WHERE stored IS DISTINCT FROM read`,
      [JSON.stringify(taken)],
    )
    assert.deepEqual(rows.slice(0, 5), [])
  })

/** Reads a row with a scanner compiled for the column; gives back nothing for one that it leaves to the general parser. */
function scannersOf(column: Column): (format: 'NDJSON' | 'CSV', n: number, json: string) => Buffer {
  const one = dataset('one', { description: 'a test', columns: { n: bigint(), v: column }, primaryKey: ['n'], onConflict: 'ignore' })
  const day = new Date('2026-03-01T00:00:00Z')
  const scanners = { NDJSON: jsonScanner(one, day, false), CSV: csvScanner(one, { day, lead: false }, standardCsv, ['n', 'v'])! }
  const csvField = (json: string): string => {
    const text = json.startsWith('"') && column.type !== 'jsonb' ? (JSON.parse(json) as string) : json
    return json === 'null' ? '' : `"${text.replaceAll('"', '""')}"`
  }
  return (format, n, json) => {
    const line = Buffer.from(format === 'CSV' ? `${n},${csvField(json)}\n` : `{"n":${n},"v":${json}}\n`)
    const out = new CopyWriter()
    // It rests after rows that it did not take: asked until it has looked at this one.
    for (let i = 0; i < 70 && out.length === 0; i++) scanners[format].scan(line, 0, line.length, line.length, out, 1, 0)
    return out.written
  }
}

test('arrays as Postgres writes them in CSV are read as Postgres reads them', async () => {
  const part = fc.constantFrom(
    'a',
    ' b c ',
    '1',
    'NULL',
    'null',
    '"NULL"',
    '"x,y"',
    '"q\\"s"',
    '"\\\\"',
    '""',
    '',
    ' ',
    '{',
    '}',
    '"',
    '\\',
    'é',
  )
  const literals = fc.array(part, { maxLength: 4 }).map((parts) => `{${parts.join(',')}}`)
  let taken = 0
  for (const literal of new Set(fc.sample(literals, { numRuns: 800, seed: 7 }))) {
    const read = await db.query('SELECT $1::text[] AS value', [literal]).then(
      ({ rows }) => rows[0].value as unknown[],
      () => undefined,
    )
    const parsed = parseArrayLiteral(literal)
    if (parsed) taken++
    // Backslashes outside quotes and arrays of arrays are not taken.
    if (parsed || !(read === undefined || /\\|\{\{|,\{/.test(literal))) assert.deepEqual(parsed, read, literal)
  }
  assert.ok(taken > 100, `${taken} taken`)
})

/** How Postgres reads a JSON value of each type. */
function readBy({ type, element }: Column, json: string): string {
  if (element)
    return `CASE json_typeof(${json}) WHEN 'array' THEN ARRAY(SELECT (${readBy(element, 'e')})::${sqlType(element)} FROM json_array_elements(${json}) WITH ORDINALITY AS a (e, i) ORDER BY i) END`
  const text = `(${json} #>> '{}')`
  if (type === 'jsonb') return `nullif(${json}::text, 'null')`
  if (type === 'bytea') return `decode(${text}, 'base64')`
  // Whole numbers may be written 1e3, and a JSON number is a double before it is a real.
  if (/int$|integer/.test(type)) return `${text}::numeric`
  return type === 'real' ? `${text}::float8` : text
}
