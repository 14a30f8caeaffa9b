import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type pg from 'pg'
import {
  bigint,
  boolean,
  type Column,
  date,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  real,
  smallint,
  sqlType,
  text,
  timestamp,
  timestamptz,
  uuid,
} from '#core/column.ts'
import { CopyWriter } from '#core/copy-writer.ts'
import { parseExact } from '#core/exact-json.ts'
import { fieldEncoder } from '#core/field.ts'
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
const moments = fc.tuple(day, fc.constantFrom('T', ' '), clock, zone).map((p) => JSON.stringify(p.join('')))
const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,12})?([eE][+-]?\d{1,2})?$/)
const numbers = fc.oneof(
  digits,
  digits.map((d) => JSON.stringify(d)),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
  fc.constantFrom('-0', '1e400', '"NaN"', '9007199254740993', '"9223372036854775808"', '"-9223372036854775808"', 'true', '""'),
)
const strings = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom('\0', '\ud800', 'x\udc00', 'é', '🚀🚀', 'é'),
  )
  .map((s) => JSON.stringify(s))

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
    fc.oneof(fc.json(), numbers, strings, fc.constantFrom('{"a":1e2,"a":2}', '["\\\\u0000"]', '["\\u0000"]', '12345678901234567890.123')),
  ],
]

for (const [name, column, values] of cases)
  test(`${name}: what is taken is stored as Postgres reads it; what Postgres refuses is refused`, async () => {
    await db.query(`DROP TABLE IF EXISTS one; CREATE TABLE one (n bigint, v ${sqlType(column)})`)
    const encode = fieldEncoder('v', column)
    const out = new CopyWriter()
    const taken: { n: number; json: string }[] = []
    const refused: string[] = []
    for (const [n, json] of fc.sample(values, { numRuns: 1500, seed: 7 }).entries()) {
      const mark = out.length
      out.fieldCount(2)
      out.int64(n)
      if (encode(parseExact(json), out)) {
        out.truncate(mark)
        refused.push(json)
      } else taken.push({ n, json })
    }
    const copy = copyInto(db, 'one', ['n', 'v'])
    await copy.write(out.take())
    assert.equal(await copy.finish(), taken.length)
    assert.ok(taken.length > 0 && refused.length + taken.length === 1500)
    if (name !== 'jsonb' && name !== 'text') assert.ok(refused.length > 0, 'the generator made nothing bad')
    // Whole numbers may be written 1e3, and a JSON number is a double before it is a real.
    const by = /int$|integer/.test(name) ? '::numeric' : name === 'real' ? '::float8' : ''
    const asText = name === 'jsonb' ? 't.json' : `(t.json::json #>> '{}')${by}`
    const { rows } = await db.query(
      `SELECT t.json, one.v::text AS stored, ${asText}::${sqlType(column)}::text AS read
       FROM jsonb_to_recordset($1::jsonb) AS t(n bigint, json text) JOIN one USING (n)
       WHERE one.v::text IS DISTINCT FROM ${name === 'jsonb' ? "nullif(t.json, 'null')" : asText}::${sqlType(column)}::text`,
      [JSON.stringify(taken)],
    )
    assert.deepEqual(rows.slice(0, 5), [])
  })
