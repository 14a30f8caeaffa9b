import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type pg from 'pg'
import { bigint, type Column, sqlType } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { csvScanner } from '#core/scanner/csv-scanner.ts'
import { jsonScanner } from '#core/scanner/json-scanner.ts'
import { parseArrayLiteral } from '#core/values/array-literal.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { parseExact } from '#core/values/exact-json.ts'
import { fieldEncoder } from '#core/values/field.ts'
import { copyInto } from '#platform/postgres/copy.ts'
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts'
import { typedValues } from '../support/typed-values.ts'

let scratch: ScratchDatabase
let db: pg.Client
before(async () => {
  scratch = await scratchDatabase()
  db = await scratch.connect()
  await db.query("SET timezone = 'UTC'; SET extra_float_digits = 1")
})
after(() => scratch[Symbol.asyncDispose]())

/** What the encoder takes of these texts must be stored as Postgres itself reads it. */
for (const [name, column, values] of typedValues)
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
