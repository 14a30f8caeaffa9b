import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, bigint, bytea, jsonb, numeric, oneOf, text, timestamp, timestamptz, uuid } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { jsonSchema } from '#core/dataset/json-schema.ts'
import { parseTimestamp } from '#core/values/moment.ts'
import { datasets } from '#datasets'

const example = dataset('example', {
  description: 'Everything',
  columns: {
    id: bigint(),
    note: text({ max: 5, nullable: true }),
    price: numeric({ precision: 10, scale: 2 }),
    tag: uuid({ default: '00000000-0000-0000-0000-000000000000' }),
    local: timestamp(),
    at: timestamptz(),
    extra: jsonb({ nullable: true }),
    must: jsonb(),
    state: oneOf(['new', 'paid'], { nullable: true }),
    raw: bytea({ nullable: true }),
    tags: array(text({ max: 3, nullable: true }), { nullable: true }),
  },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
interface Schema {
  readonly properties: Record<string, Record<string, unknown>>
  readonly required: string[]
  readonly additionalProperties: boolean
}
const read = (of: Dataset): Schema => JSON.parse(JSON.stringify(jsonSchema(of)))
const schema = read(example)

test('a column is required unless it is nullable or has a default', () => {
  assert.deepEqual(schema.required, ['id', 'price', 'local', 'at', 'must'])
  assert.equal(schema.properties.tag?.default, '00000000-0000-0000-0000-000000000000')
  assert.deepEqual(schema.properties.note, { anyOf: [{ type: 'string', maxLength: 5 }, { type: 'null' }] })
})

test('unknown columns are refused or let through as the dataset says', () => {
  assert.equal(schema.additionalProperties, false)
  assert.equal(read(datasets.get('readings')!).additionalProperties, true)
})

test('jsonb takes any value, and null only where it is nullable', () => {
  assert.equal('not' in schema.properties.extra!, false)
  assert.deepEqual(schema.properties.must?.not, { type: 'null' })
})

test('enums name their values, arrays their elements, and bytes are base64', () => {
  const plain = (name: string) => (schema.properties[name]!.anyOf as Record<string, unknown>[])[0]!
  assert.deepEqual(plain('state'), { type: 'string', enum: ['new', 'paid'] })
  assert.deepEqual(plain('tags'), { type: 'array', items: { anyOf: [{ type: 'string', maxLength: 3 }, { type: 'null' }] } })
  const base64 = new RegExp(plain('raw').pattern as string)
  for (const [text, good] of [
    ['', true],
    ['AA==', true],
    ['AAA=', true],
    ['AAAA', true],
    ['AA', false],
    ['A', false],
    ['_w==', false],
  ] as const)
    assert.equal(base64.test(text), good, text)
})

test('the patterns of times take what the loader takes, and nothing it refuses for its form', () => {
  const texts = [
    '2024-01-31T23:59:59.123456',
    '2024-01-31 23:59',
    '2024-01-31T23:59:59',
    '2024-01-31',
    '2024-01-31T24:00:00',
    '2024-1-31T10:00:00',
    'x',
  ]
  const offsets = ['', 'Z', 'z', '+01', '+01:30', '-0130', ' Z']
  for (const withOffset of [true, false]) {
    const pattern = new RegExp(schema.properties[withOffset ? 'at' : 'local']!.pattern as string)
    for (const text of texts.flatMap((each) => offsets.map((offset) => each + offset)))
      assert.equal(pattern.test(text), typeof parseTimestamp(text, withOffset) === 'number', `${text} ${withOffset}`)
  }
})
