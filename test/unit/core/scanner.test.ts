import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint, boolean, type Column, date, doublePrecision, integer, smallint, text, timestamp, timestamptz, uuid } from '#core/column.ts'
import { CopyWriter } from '#core/copy-writer.ts'
import { dataset } from '#core/dataset.ts'
import { jsonRowEncoder } from '#core/row.ts'
import { jsonScanner } from '#core/scanner.ts'

const everything = dataset('everything', {
  description: 'every type that a scanner reads',
  columns: {
    id: bigint(),
    small: smallint(),
    n: integer({ nullable: true }),
    ratio: doublePrecision({ nullable: true }),
    ok: boolean(),
    code: text({ max: 5, nullable: true }),
    note: text(),
    key: uuid(),
    day: date(),
    local: timestamp(),
    at: timestamptz(),
  },
  primaryKey: ['id', 'at'],
  onConflict: 'ignore',
  partitionBy: { column: 'at', every: 'day', past: 1000, ahead: 1000 },
})
const day = new Date('2026-03-01T00:00:00Z')

/** Mostly plain values, which a scanner takes, and some at the edges of what it may take. */
const mostly = (plain: fc.Arbitrary<string>, edges: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 30, arbitrary: plain }, { weight: 1, arbitrary: edges })
const json = (s: string) => JSON.stringify(s)
const dates = (from: string, to: string) =>
  fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }).map((d) => d.toISOString())
const values: { [N in keyof typeof everything.columns]: fc.Arbitrary<string> } = {
  id: mostly(
    fc.integer().map(String),
    fc.oneof(fc.maxSafeInteger(), fc.bigInt(), fc.constantFrom('-0', '00', 10n ** 15n, 10n ** 14n)).map(String),
  ),
  small: mostly(fc.integer({ min: -32768, max: 32767 }).map(String), fc.constantFrom('32768', '-32769', '1.0')),
  n: mostly(fc.integer().map(String), fc.constantFrom('2147483648', '-2147483649', '1e3')),
  ratio: mostly(
    fc.integer({ min: -1e6, max: 1e6 }).map((i) => String(i / 1000)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
  ),
  ok: fc.constantFrom('true', 'false'),
  code: mostly(
    fc.string({ unit: fc.constantFrom('a', ' ', '}', ','), maxLength: 5 }).map(json),
    fc.oneof(fc.string({ maxLength: 7 }), fc.constantFrom('é', '\\', 'a\tb')).map(json),
  ),
  note: mostly(
    fc.string({ unit: fc.constantFrom('a', ' ', '/', '~', '{', ','), maxLength: 30 }).map(json),
    fc.string({ unit: 'binary' }).map(json),
  ),
  key: fc.uuid().map(json),
  day: mostly(
    dates('0001-01-01', '9999-12-31').map((d) => json(d.slice(0, 10))),
    fc.constantFrom('"2023-02-29"', '"0000-01-01"', '"2023-13-01"'),
  ),
  local: mostly(
    dates('1800-01-01', '2200-12-31').map((d) => json(d.slice(0, -1))),
    dates('1000-01-01', '9000-12-31').map((d) => json(d.slice(0, -1))),
  ),
  at: mostly(
    fc.tuple(dates('2024-01-01', '2028-06-01'), fc.constantFrom('Z', '123Z')).map(([d, end]) => json(d.slice(0, -1) + end)),
    fc.tuple(dates('2022-01-01', '2029-12-31'), fc.constantFrom('Z', '1234Z', '+00:00', '')).map(([d, end]) => json(d.slice(0, -1) + end)),
  ),
}
const row = fc.tuple(
  ...Object.entries(everything.columns).map(([name, column]) =>
    fc.oneof({ weight: 9, arbitrary: values[name as keyof typeof values] }, ...nulls(column)).map((v) => `${JSON.stringify(name)}:${v}`),
  ),
)
function nulls(column: Column) {
  return column.nullable ? [{ weight: 1, arbitrary: fc.constant('null') }] : []
}
const spaced = (parts: string[], spaces: boolean) =>
  spaces ? `{${parts.map((p) => p.replace(':', ': ')).join(', ')}}` : `{${parts.join(',')}}`
/** Hurts a line in one place: a byte changed, lost or doubled. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  kind: fc.constantFrom('none', 'none', 'none', 'none', 'change', 'drop', 'double'),
  byte: fc.integer({ min: 0, max: 255 }),
})
function mutate(line: Buffer, { at, kind, byte }: { at: number; kind: string; byte: number }): Buffer {
  const i = Math.floor(at * line.length)
  if (kind === 'change') line[i] = byte
  if (kind === 'drop') return Buffer.concat([line.subarray(0, i), line.subarray(i + 1)])
  if (kind === 'double') return Buffer.concat([line.subarray(0, i), line.subarray(i, i + 1), line.subarray(i)])
  return line
}

for (const lead of [false, true])
  test(`${lead ? 'led by line and offset, ' : ''}what the scanner takes is, byte for byte, what the general parser makes of it`, () => {
    const scanner = jsonScanner(everything, day, lead)!
    const encode = jsonRowEncoder(everything, { day, lead })
    let [taken, left] = [0, 0]
    fc.assert(
      fc.property(row, fc.boolean(), mutation, fc.boolean(), (parts, spaces, change, crlf) => {
        const body = mutate(Buffer.from(spaced(parts, spaces)), change)
        if (body.includes(10)) return
        const line = Buffer.concat([body, Buffer.from(crlf ? '\r\n' : '\n')])
        const scanned = new CopyWriter()
        const end = scanner.scan(line, 0, line.length, Number.POSITIVE_INFINITY, scanned, 7, 1000)
        if (scanner.rows === 0) {
          left++
          assert.deepEqual([end, scanned.length], [0, 0])
          return
        }
        taken++
        assert.equal(end, line.length)
        const parsed = new CopyWriter()
        assert.equal(encode(body, 7, 1000, parsed), undefined, `the general parser refuses ${body}`)
        assert.deepEqual(scanned.take(), parsed.take(), body.toString())
      }),
      { numRuns: 30_000 },
    )
    assert.ok(taken > 5000 && left > 5000, `${taken} taken, ${left} left to the general parser`)
  })

test('a scanner stops at the limit, at the last whole row, and at the first row that is not plain', () => {
  const simple = dataset('simple', { description: 'a test', columns: { id: bigint() }, primaryKey: ['id'], onConflict: 'ignore' })
  const scanner = jsonScanner(simple, day, false)!
  const bytes = Buffer.from('{"id":1}\n{"id":2}\n{"id":"3"}\n{"id":4}\n{"id":5')
  const scan = (from: number, to: number, limit: number) => [scanner.scan(bytes, from, to, limit, new CopyWriter(), 1, 0), scanner.rows]
  assert.deepEqual(scan(0, bytes.length, 9), [9, 1])
  assert.deepEqual(scan(0, bytes.length, 10), [18, 2])
  assert.deepEqual(scan(0, bytes.length, 99), [18, 2])
  assert.deepEqual(scan(29, bytes.length, 99), [38, 1])
})
