import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, bigint, bytea, integer, numeric, oneOf, text, timestamptz } from '#core/columns/column.ts'
import { dataset, type RowOf } from '#core/dataset/dataset.ts'
import { ConfigurationError } from '#core/errors.ts'
import type { flights } from '../../../datasets/flights.ts'
import type { readings } from '../../../datasets/readings.ts'

test('the row type of a dataset: required, optional and nullable columns', () => {
  const flight: RowOf<typeof flights> = { id: 1, date: '2001-01-01T00:00:00Z', delay: 0, distance: 1, origin: 'ATL', destination: 'JFK' }
  const reading: RowOf<typeof readings> = { sensor: 'x', at: 'y', value: null }
  // @ts-expect-error a column without default cannot be left out
  const incomplete: RowOf<typeof readings> = { at: 'y' }
  // @ts-expect-error a number is not text
  const wrong: RowOf<typeof flights> = { ...flight, origin: 1 }
  assert.ok(flight && reading && incomplete && wrong)
})

test('the row type of enums and arrays', () => {
  const d = dataset('kinds', {
    ...good,
    columns: { id: bigint(), state: oneOf(['new', 'paid']), tags: array(text({ nullable: true }), { nullable: true }), raw: bytea() },
  })
  const row: RowOf<typeof d> = { id: 1, state: 'paid', tags: ['a', null], raw: 'AA==' }
  // @ts-expect-error a text that is not declared
  const other: RowOf<typeof d> = { ...row, state: 'lost' }
  // @ts-expect-error elements of another type
  const numbers: RowOf<typeof d> = { ...row, tags: [1] }
  assert.ok(row && other && numbers)
})

const good = {
  description: 'a test',
  columns: { id: bigint(), name: text({ nullable: true }), at: timestamptz() },
  primaryKey: ['id'],
  onConflict: 'ignore',
} as const

for (const [what, name, change, message] of [
  ['a name that SQL would fold', 'Flights', {}, /name must be lower case/],
  ['no columns', 'x', { columns: {} }, /1 to 1,000 columns/],
  ['a column name with a quote', 'x', { columns: { id: bigint(), 'a"b': text() } }, /column "a"b"/],
  ['no primary key', 'x', { primaryKey: [] }, /needs a primary key/],
  ['a key column that is not declared', 'x', { primaryKey: ['nope'] }, /"nope" is not declared/],
  ['a nullable key', 'x', { primaryKey: ['name'] }, /must not be nullable/],
  ['a key column twice', 'x', { primaryKey: ['id', 'id'] }, /named twice/],
  ['update without ordering key', 'x', { onConflict: 'update' }, /needs an ordering key or a version/],
  ['a version without update', 'x', { version: 'at' }, /only with policy "update"/],
  [
    'a nullable version',
    'x',
    { onConflict: 'update', columns: { id: bigint(), v: integer({ nullable: true }) }, version: 'v' },
    /must not be nullable/,
  ],
  ['a version that is text', 'x', { onConflict: 'update', columns: { id: bigint(), v: text() }, version: 'v' }, /must be a column of type/],
  ['an ordering key outside the primary key', 'x', { orderingKey: 'at' }, /part of the primary key/],
  ['partitions by a number', 'x', { partitionBy: { column: 'id', every: 'day', past: 1, ahead: 1 } }, /needs a date or timestamp/],
  ['partitions outside the key', 'x', { partitionBy: { column: 'at', every: 'day', past: 1, ahead: 1 } }, /part of the primary key/],
  ['rows beyond 1 MiB', 'x', { limits: { rowBytes: 2 ** 21 } }, /rowBytes/],
  ['text of no length', 'x', { columns: { id: bigint(), t: text({ max: 0 }) } }, /max must be/],
  ['an enum without values', 'x', { columns: { id: bigint(), e: oneOf([]) } }, /1 to 1,000 values/],
  ['an enum value twice', 'x', { columns: { id: bigint(), e: oneOf(['a', 'a']) } }, /stands twice/],
  ['an enum value with a quote', 'x', { columns: { id: bigint(), e: oneOf(["it's"]) } }, /"it's" must be/],
  ['an array of arrays', 'x', { columns: { id: bigint(), a: array(array(text())) } }, /use jsonb/],
  ['an array whose elements contradict themselves', 'x', { columns: { id: bigint(), a: array(text({ max: 0 })) } }, /max must be/],
  [
    'a default that the column would refuse',
    'x',
    { columns: { id: bigint(), t: text({ max: 1, default: 'ab' }) } },
    /its default: the text has 2/,
  ],
  ['a default of bytes that is no base64', 'x', { columns: { id: bigint(), t: bytea({ default: '?' }) } }, /not base64/],
  ['a scale without precision', 'x', { columns: { id: bigint(), n: numeric({ scale: 2 }) } }, /scale must be/],
] as const)
  test(`${what} is refused when the dataset is declared`, () => {
    const declare = dataset as (name: string, options: object) => unknown
    assert.throws(
      () => declare(name, { ...good, ...change }),
      (e) => e instanceof ConfigurationError && message.test(e.message),
    )
  })

test('a good declaration has its defaults', () => {
  const d = dataset('good', { ...good, columns: { ...good.columns, n: integer({ default: 1 }) } })
  assert.deepEqual([d.unknownColumns, d.limits.rowBytes, d.orderingKey], ['reject', 1048576, undefined])
})
