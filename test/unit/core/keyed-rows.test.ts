import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint, doublePrecision, numeric, text, uuid } from '#core/columns/column.ts'
import { type Columns, dataset } from '#core/dataset/dataset.ts'
import { KeyedRows, rowKey } from '#core/rows/keyed-rows.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'

const keyed = (columns: Columns, ...primaryKey: string[]) =>
  dataset('d', { description: '', columns, primaryKey, onConflict: 'ignore' } as Parameters<typeof dataset>[1])
const pairs = keyed({ note: text({ nullable: true }), b: text(), a: bigint() }, 'a', 'b')
const single = keyed({ note: text({ nullable: true }), id: text() }, 'id')

interface Row {
  readonly a: number
  readonly b: string
  readonly note: string | null
}

function encode(rows: readonly Row[], both: boolean): Buffer {
  const out = new CopyWriter()
  for (const { a, b, note } of rows) {
    out.fieldCount(both ? 3 : 2)
    if (note === null) out.null()
    else out.text(note)
    out.text(b)
    if (both) out.int64(a)
  }
  return Buffer.from(out.written)
}

/** The elements of a binary array, as Postgres would read them. */
function elements(array: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let p = 20; p < array.length; ) {
    const end = p + 4 + array.readInt32BE(p)
    found.push(array.subarray(p + 4, end))
    p = end
  }
  assert.equal(array.readInt32BE(12), found.length)
  return found
}

/** What array_send gives for these elements. */
function arrayOf(oid: number, values: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(20)
  for (const [i, v] of [1, 0, oid, values.length, 1].entries()) head.writeInt32BE(v, 4 * i)
  return Buffer.concat([
    head,
    ...values.flatMap((value) => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(value.length)
      return [length, value]
    }),
  ])
}
const int8 = (n: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(n))
  return bytes
}

const row = fc.record({
  a: fc.integer({ min: 0, max: 3 }),
  b: fc.constantFrom('', 'x', 'y', 'x'.repeat(300), 'é'),
  note: fc.option(fc.string({ maxLength: 20 })),
})

for (const both of [false, true])
  test(`rows whose key (${both ? 'two parts' : 'one part'}) came before or is present are left out, the first of each other key is kept`, () => {
    const shape = both ? pairs : single
    const key = rowKey(shape)!
    const rows = new KeyedRows(key, Object.keys(shape.columns).length)
    const keyOf = (r: Row): string => (both ? `${r.a} ${r.b}` : r.b)
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 30 }), { maxLength: 5 }), fc.array(row), (parts, there) => {
        const all = parts.flat()
        const present = new Set(there.map(keyOf))
        for (const part of parts) rows.add(encode(part, both))
        assert.equal(rows.rows, all.length)
        const once = all.filter((r, i) => all.findIndex((other) => keyOf(other) === keyOf(r)) === i)
        const asked = rows.keys().map(elements)
        assert.deepEqual(
          asked.at(-1)!.map(String),
          once.map((r) => r.b),
        )
        if (both)
          assert.deepEqual(
            asked[0],
            once.map((r) => int8(r.a)),
          )
        const found = once.flatMap((r, i) => (present.has(keyOf(r)) ? [both ? int8(i + 1) : Buffer.from(r.b)] : []))
        rows.leaveOut(found.length === 0 ? Buffer.alloc(12) : arrayOf(both ? 20 : 25, found))
        const kept = once.filter((r) => !present.has(keyOf(r)))
        assert.deepEqual(rows.take(), { kept: encode(kept, both), left: all.length - kept.length })
        assert.equal(rows.length, 0)
      }),
    )
  })

test('many rows: none is lost where tables grow', () => {
  const rows = new KeyedRows(rowKey(single)!, 2)
  const all = Array.from({ length: 50_000 }, (_, i) => ({ a: 0, b: `key ${i % 40_000}`, note: 'n' }))
  for (let i = 0; i < all.length; i += 777) rows.add(encode(all.slice(i, i + 777), false))
  assert.equal(elements(rows.keys()[0]!).length, 40_000)
  rows.leaveOut(arrayOf(25, [Buffer.from('key 39999'), Buffer.from('not one of them')]))
  assert.deepEqual(rows.take(), { kept: encode(all.slice(0, 39_999), false), left: 10_001 })
})

test('keys of types that have more than one form for a value are not looked up', () => {
  for (const column of [numeric(), doublePrecision()]) assert.equal(rowKey(keyed({ id: bigint(), k: column }, 'id', 'k')), undefined)
  assert.deepEqual(rowKey(keyed({ at: text(), id: uuid(), k: text({ max: 3 }) }, 'k', 'id')), {
    places: [2, 1],
    oids: [25, 2950],
    arrayTypes: ['text[]', 'uuid[]'],
  })
})
