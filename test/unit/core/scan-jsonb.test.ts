import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint, jsonb } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { csvRowEncoder } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { jsonRowEncoder, type RowEncoder } from '#core/rows/row.ts'
import { csvScanner } from '#core/scanner/csv-scanner.ts'
import { jsonScanner } from '#core/scanner/json-scanner.ts'
import type { Scanner } from '#core/scanner/scanner.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { parseExact } from '#core/values/exact-json.ts'
import { mutate, mutation } from '../../support/plain-rows.ts'

const day = new Date('2026-03-01T00:00:00Z')
const documents = dataset('documents', {
  description: 'a test',
  columns: { id: bigint(), document: jsonb({ nullable: true }), always: jsonb() },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
const options = { day, lead: false }
const names = Object.keys(documents.columns)
interface Reader {
  readonly scanner: Scanner
  readonly encode: RowEncoder
  readonly rowOf: (document: string, always?: string) => Buffer
}
const ndjson: Reader = {
  scanner: jsonScanner(documents, day, false),
  encode: jsonRowEncoder(documents, options),
  rowOf: (document, always = '1') => Buffer.from(`{"id":1,"document":${document},"always":${always}}`),
}
const csv: Reader = {
  scanner: csvScanner(documents, options, standardCsv, names)!,
  encode: csvRowEncoder(documents, options, standardCsv, names),
  rowOf: (document, always = '1') => Buffer.from(`1,${quoted(document)},${quoted(always)}`),
}

/** The fields of one row of binary COPY; those of jsonb as JSON.stringify writes them. */
function fieldsOf(row: Buffer): (string | null)[] {
  const fields: (string | null)[] = []
  for (let at = 2, n = row.readInt16BE(0); n > 0; n--) {
    const length = row.readInt32BE(at)
    const bytes = row.subarray(at + 4, at + 4 + Math.max(length, 0))
    fields.push(
      length < 0
        ? null
        : fields.length === 0
          ? bytes.toString('hex')
          : `${bytes[0]} ${JSON.stringify(parseExact(bytes.toString('utf8', 1)))}`,
    )
    at += 4 + bytes.length
    if (n === 1) assert.equal(at, row.length)
  }
  return fields
}

/** @returns true when the scanner took the row */
function compare({ scanner, encode }: Reader, body: Buffer): boolean {
  if (body.includes(10)) return false
  const scanned = new CopyWriter()
  const line = Buffer.concat([body, Buffer.from('\n')])
  // It rests after rows that it did not take: asked until it has looked at this one.
  let rows = 0
  for (let i = 0; i < 70 && rows === 0; i++) {
    assert.equal(scanned.length, 0)
    scanner.scan(line, 0, line.length, line.length, scanned, 1, 0)
    rows = scanner.rows
  }
  if (rows === 0) return false
  const parsed = new CopyWriter()
  assert.equal(encode(body, 1, 0, parsed), undefined, `the general parser refuses ${body}`)
  assert.deepEqual(fieldsOf(scanned.written), fieldsOf(parsed.written), body.toString())
  return true
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
const readers = [
  ['NDJSON', ndjson],
  ['CSV', csv],
] as const
for (const [format, reader] of readers)
  test(`jsonb in ${format}, generated and mutated: what the scanner takes is what the general parser makes of it`, () => {
    let [taken, left] = [0, 0]
    const anything = fc.anything({
      key: fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('a', '1', '-1', '__proto__', 'é', '"', '')),
      values: [
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.string(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
      ],
      maxDepth: 5,
      maxKeys: 5,
      withNullPrototype: false,
    })
    const written = fc.constantFrom((v: unknown) => JSON.stringify(v), spaced, ascii)
    fc.assert(
      fc.property(anything, anything, written, mutation, (document, always, write, change) => {
        if (compare(reader, mutate(reader.rowOf(write(document), write(always)), change))) taken++
        else left++
      }),
      { numRuns: 5_000 },
    )
    assert.ok(taken > 1500 && left > 700, `${taken} taken, ${left} left to the general parser`)
  })
const spaced = (v: unknown): string => JSON.stringify(v, null, 1).replaceAll('\n', ' \t')
/** As many writers do: everything beyond ASCII escaped. */
const ascii = (v: unknown): string =>
  JSON.stringify(v).replace(/[^\0-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`)

for (const [format, reader] of readers)
  test(`jsonb in ${format}: plain documents are taken, and what needs judgement is left to the general parser`, () => {
    const takes = (document: string, always?: string): boolean => compare(reader, reader.rowOf(document, always))

    for (const taken of [
      ...(format === 'NDJSON' ? ['null'] : []),
      '{}',
      '[]',
      '[[],{},[{}]]',
      '{"a":{"b":[1,2.50,-0,1e3,1E-99,true,false,null]},"c":"x"}',
      '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
      '"\\u00e9\\ud83d\\ude80 é漢🚀"',
      '{"a":1,"c":{"a":2,"b":[{"a":3},{"a":4}]},"b":3}',
      `{${Array.from({ length: 128 }, (_, i) => `"a${i}":${i}`).join()}}`,
      '{"__proto__":1}',
      ' [ 1 , 2 ]',
      '123456789012345678901234567890.123456789012345678901234567890',
      `${'['.repeat(64)}1${']'.repeat(64)}`,
    ])
      assert.ok(takes(taken), taken)
    for (const left of [
      '01',
      '1.',
      '+1',
      '1e99999',
      'nul',
      'tru',
      '[1,]',
      '{"a":1,}',
      '{"a":1,"a":2}',
      '{"a":{"b":1},"c":[{"a":[1],"\\u0061":2}]}',
      '{"a":1,"b":{"c":[]},"a":2}',
      `1${'0'.repeat(1000)}`,
      '{"a"}',
      '{a:1}',
      '[1 2]',
      '[}',
      '{]',
      '"\\u0000"',
      '"\\ud800"',
      '"\\x"',
      '"a\tb"',
      '{"1":1,"0":2}',
      '{"\\u0031":1}',
      '',
      `${'['.repeat(65)}1${']'.repeat(65)}`,
    ])
      assert.ok(!takes(left), left)
    assert.ok(!takes('1', 'null'), 'NULL for a column that must have a value')
    assert.ok(!compare(reader, Buffer.from(reader.rowOf('"é"').toString('latin1').replace('Ã', '\xff'), 'latin1')), 'no UTF-8')
  })
