import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  bigint,
  boolean,
  bytea,
  date,
  doublePrecision,
  integer,
  numeric,
  oneOf,
  real,
  smallint,
  text,
  timestamp,
  timestamptz,
  uuid,
} from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import type { RowEncoder } from '#core/rows/row.ts'
import type { Scanner } from '#core/scanner/scanner.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'

/** A dataset with every type but jsonb and arrays, and the JSON texts of values of each: mostly plain ones, some at the edges. */
export const everything = dataset('everything', {
  description: 'a test',
  columns: {
    id: bigint(),
    small: smallint(),
    n: integer({ nullable: true }),
    ratio: doublePrecision({ nullable: true }),
    share: real({ default: 0.5 }),
    price: numeric({ nullable: true }),
    cost: numeric({ precision: 8, scale: 2, default: '1.50' }),
    ok: boolean(),
    code: text({ max: 5, nullable: true }),
    note: text({ default: 'none' }),
    key: uuid(),
    day: date(),
    local: timestamp(),
    at: timestamptz(),
    colour: oneOf(['red', 'redder', 'dark blue', 'é', 'a,b', 'say "x"', ' x'], { nullable: true }),
    hash: bytea({ nullable: true }),
  },
  primaryKey: ['id', 'at'],
  onConflict: 'ignore',
  partitionBy: { column: 'at', every: 'day', past: 1000, ahead: 1000 },
})
export const day = new Date('2026-03-01T00:00:00Z')

/** Mostly plain values, which a scanner takes, and some at the edges of what it may take. */
const mostly = (plain: fc.Arbitrary<string>, edges: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 30, arbitrary: plain }, { weight: 1, arbitrary: edges })
const json = (s: string) => JSON.stringify(s)
const decimals = (whole: number, places: number) =>
  fc
    .tuple(fc.constantFrom('', '-'), digits(whole), fc.integer({ min: 0, max: places }), digits(places))
    .map(([sign, w, n, f]) => `${sign}${w}${n > 0 ? `.${f.padEnd(n, '0').slice(0, n)}` : ''}`)
const digits = (most: number) => fc.stringMatching(new RegExp(`^(0|[1-9][0-9]{0,${most - 1}})$`))
const dates = (from: string, to: string) =>
  fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }).map((d) => d.toISOString())
export const values: { [N in keyof typeof everything.columns]: fc.Arbitrary<string> } = {
  id: mostly(
    fc.oneof(
      fc.integer().map(String),
      fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }).map((n) => `"${n}"`),
    ),
    fc
      .oneof(
        fc.maxSafeInteger(),
        fc.bigInt(),
        fc.constantFrom(
          '-0',
          '00',
          10n ** 15n,
          10n ** 14n,
          '"-0"',
          '""',
          `"${2n ** 63n}"`,
          `"${2n ** 32n * 10n ** 8n}"`,
          `"-${2n ** 32n * 10n ** 8n}"`,
        ),
      )
      .map(String),
  ),
  small: mostly(fc.integer({ min: -32768, max: 32767 }).map(String), fc.constantFrom('32768', '-32769', '1.0')),
  n: mostly(fc.integer().map(String), fc.constantFrom('2147483648', '-2147483649', '1e3')),
  ratio: mostly(
    fc.integer({ min: -1e6, max: 1e6 }).map((i) => String(i / 1000)),
    fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
      fc.constantFrom('1e-400', '1e999', '0e1', '0.00000000000000000'),
    ),
  ),
  share: mostly(
    fc.integer({ min: -1e6, max: 1e6 }).map((i) => String(i / 1000)),
    fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
      fc.constantFrom('1e39', '1e-46', '1e-400'),
    ),
  ),
  price: mostly(
    decimals(14, 12).chain((n) => fc.constantFrom(n, `"${n}"`)),
    fc.oneof(decimals(30, 20), fc.constantFrom('1e3', '-0', '-0.0', '00.1', '1.')),
  ),
  cost: mostly(decimals(6, 2), decimals(7, 3)),
  ok: fc.constantFrom('true', 'false'),
  code: mostly(
    fc.string({ unit: fc.constantFrom('a', ' ', '}', ','), maxLength: 5 }).map(json),
    fc.oneof(fc.string({ maxLength: 7 }), fc.constantFrom('é', '\\', 'a\tb')).map(json),
  ),
  note: mostly(
    fc.string({ unit: fc.constantFrom('a', ' ', '/', '~', '{', ',', 'é', '漢', '🚀', '\u007f'), maxLength: 30 }).map(json),
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
    fc
      .tuple(dates('2024-01-01', '2028-06-01'), fc.constantFrom('Z', '123Z', '+00:00', '-05:30'))
      .map(([d, end]) => json(d.slice(0, -1) + end)),
    fc
      .tuple(dates('2022-01-01', '2029-12-31'), fc.constantFrom('Z', '1234Z', '+16:00', '+02', ''))
      .map(([d, end]) => json(d.slice(0, -1) + end)),
  ),
  colour: mostly(
    fc.constantFrom('red', 'redder', 'dark blue', 'é').map(json),
    fc.constantFrom('a,b', 'say "x"', ' x', 'Red', '').map(json),
  ),
  hash: mostly(
    fc.uint8Array({ maxLength: 20 }).map((bytes) => json(Buffer.from(bytes).toString('base64'))),
    fc.constantFrom('YQ', 'YR==', 'YWF=', 'YW==Y', '_w==', '====', 'Y').map(json),
  ),
}
/** Hurts a line in one place: a byte changed, lost or doubled. */
export const mutation = fc.record({
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  kind: fc.constantFrom('none', 'none', 'none', 'none', 'change', 'drop', 'double'),
  byte: fc.integer({ min: 0, max: 255 }),
})
export function mutate(line: Buffer, { at, kind, byte }: { at: number; kind: string; byte: number }): Buffer {
  const i = Math.floor(at * line.length)
  if (kind === 'change') line[i] = byte
  if (kind === 'drop') return Buffer.concat([line.subarray(0, i), line.subarray(i + 1)])
  if (kind === 'double') return Buffer.concat([line.subarray(0, i), line.subarray(i, i + 1), line.subarray(i)])
  return line
}

/** Counts what a scanner takes, and demands that the general parser makes the same of it. */
export function comparison(scannerOf: () => Scanner, encode: RowEncoder) {
  const counts = { taken: 0, left: 0 }
  return {
    counts,
    /** @returns true when the scanner took the row */
    compare(body: Buffer, crlf = false): boolean {
      if (body.includes(10)) return false
      const line = Buffer.concat([body, Buffer.from(crlf ? '\r\n' : '\n')])
      const scanned = new CopyWriter()
      const scanner = scannerOf()
      const end = scanner.scan(line, 0, line.length, Number.POSITIVE_INFINITY, scanned, 7, 1000)
      if (scanner.rows === 0) {
        counts.left++
        assert.deepEqual([end, scanned.length], [0, 0])
        return false
      }
      counts.taken++
      assert.equal(end, line.length)
      const parsed = new CopyWriter()
      assert.equal(encode(body, 7, 1000, parsed), undefined, `the general parser refuses ${body}`)
      assert.deepEqual(scanned.written, parsed.written, body.toString())
      return true
    },
  }
}
