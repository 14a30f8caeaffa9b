import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { freePartition, keyHash, laneOf, lanePartition, mostPartitionBytes, orderingColumn } from '#core/batches/lane.ts'
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
  text,
  timestamptz,
  uuid,
} from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { ConfigurationError } from '#core/errors.ts'
import { loadIdFor } from '#core/loads/load-id.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { fieldEncoder } from '#core/values/field.ts'

const keyed = (column: Column) =>
  dataset('d', { description: '', columns: { other: integer(), k: column }, primaryKey: ['k'], onConflict: 'update', orderingKey: 'k' })

/** The lanes of values as a field encoder writes them. */
function lanesOf(column: Column, values: readonly unknown[], lanes: number): number[] {
  const [encode, ordering] = [fieldEncoder('k', column), orderingColumn(keyed(column))!]
  return values.map((value) => {
    const out = new CopyWriter(256)
    assert.equal(encode(value, out), undefined)
    const field = out.written
    return laneOf(keyHash(field, 4, field.length, ordering), lanes)
  })
}
const many = 1 << 24

test('every spelling of one value has one lane', () => {
  const same: [Column, unknown[]][] = [
    [numeric(), ['1.5', '1.50', '15e-1', JSON.rawJSON('1.500'), '01.5']],
    [numeric(), ['0', '-0', '0.00', 0]],
    [numeric({ precision: 10, scale: 2 }), ['1.5', '1.50', 1.5]],
    [bigint(), [12, '12', '012']],
    [timestamptz(), ['2026-01-01T00:00:00Z', '2026-01-01T02:00:00+02:00', '2026-01-01 00:00:00.000Z']],
    [uuid(), ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ]
  for (const [column, values] of same) assert.equal(new Set(lanesOf(column, values, many)).size, 1, column.type)
})

test('values that differ are told apart', () => {
  const values: [Column, unknown[]][] = [
    [numeric(), ['1.5', '15', '150', '1500', '0.15', '-1.5', '1.51']],
    [date(), ['2026-01-01', '2026-01-02']],
    [boolean(), [true, false]],
  ]
  for (const [column, different] of values) assert.equal(new Set(lanesOf(column, different, many)).size, different.length, column.type)
})

test('neighbouring numbers and texts spread evenly over the lanes', () => {
  const numbers = Array.from({ length: 64_000 }, (_, i) => i)
  const lanes = [
    lanesOf(bigint(), numbers, 64),
    lanesOf(
      text(),
      numbers.map((i) => `sensor-${i}`),
      64,
    ),
  ]
  for (const each of lanes) {
    const counts = new Array<number>(64).fill(0)
    for (const lane of each) counts[lane]!++
    // 1,000 expected, standard deviation 31: six of them.
    assert.ok(Math.min(...counts) > 810 && Math.max(...counts) < 1190, `${Math.min(...counts)} to ${Math.max(...counts)}`)
  }
})

test('lanes never change: records of the old ones may still be in the stream', () => {
  assert.deepEqual(lanesOf(text(), ['', 'a', 'stream-1', 'ein Schlüssel'], 1024), [11, 435, 164, 502])
})

test('an ordering key of a type whose values have several forms is refused', () => {
  for (const column of [real(), doublePrecision(), jsonb()]) assert.throws(() => keyed(column), ConfigurationError)
})

test('partition keys are as short as is reckoned with, and those of lanes are one a lane', () => {
  fc.assert(
    fc.property(fc.nat(9_999_999), (n) => {
      assert.ok(freePartition(loadIdFor('t', 'd', 'k'), n).length <= mostPartitionBytes)
      assert.ok(lanePartition('d'.repeat(48), n).length <= mostPartitionBytes)
    }),
  )
  assert.notEqual(lanePartition('d', 1), lanePartition('d', 11))
})
