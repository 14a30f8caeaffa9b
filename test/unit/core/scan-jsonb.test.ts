import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint, jsonb } from '#core/column.ts'
import { CopyWriter } from '#core/copy-writer.ts'
import { dataset } from '#core/dataset.ts'
import { parseExact } from '#core/exact-json.ts'
import { jsonScanner } from '#core/json-scanner.ts'
import { jsonRowEncoder } from '#core/row.ts'
import { mutate, mutation } from '../../support/plain-rows.ts'

const day = new Date('2026-03-01T00:00:00Z')
const documents = dataset('documents', {
  description: 'a test',
  columns: { id: bigint(), document: jsonb({ nullable: true }), always: jsonb() },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
const scanner = jsonScanner(documents, day, false)
const encode = jsonRowEncoder(documents, { day, lead: false })

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
function compare(body: Buffer): boolean {
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
const rowOf = (document: string, always = '1'): Buffer => Buffer.from(`{"id":1,"document":${document},"always":${always}}`)

test('jsonb, generated and mutated: what the scanner takes is what the general parser makes of it', () => {
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
      if (compare(mutate(rowOf(write(document), write(always)), change))) taken++
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

test('jsonb: plain documents are taken, and what needs judgement is left to the general parser', () => {
  for (const taken of [
    'null',
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
    assert.ok(compare(rowOf(taken)), taken)
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
    assert.ok(!compare(rowOf(left)), left)
  assert.ok(!compare(rowOf('1', 'null')), 'NULL for a column that must have a value')
  assert.ok(!compare(Buffer.concat([Buffer.from('{"id":1,"document":"'), Buffer.from([0xff]), Buffer.from('","always":1}')])), 'no UTF-8')
})
