import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileFilters } from '../../../localstack/event-source/filter.ts'
import { MappingRefused } from '../../../localstack/event-source/settings.ts'
import { recordAt } from '../../support/event-source-run.ts'

const json = (value: unknown) => recordAt('1', 0, { data: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) })
const matches = (rules: unknown, value: unknown) => compileFilters([JSON.stringify({ data: { field: rules } })])(json(value))

const cases: readonly [rule: string, rules: unknown, yes: readonly unknown[], no: readonly unknown[]][] = [
  ['equality of strings is exact', ['Alice'], ['Alice'], ['alice', 'Alice ', '', null, 1]],
  ['several values are alternatives', ['Credit', 'Debit'], ['Credit', 'Debit'], ['Cash']],
  ['null', [null], [null], ['', 0, false]],
  ['empty', [''], [''], [null, ' ']],
  ['equality of numbers and booleans', [100, true], [100, true], ['100', 'true', false]],
  ['exists true', [{ exists: true }], ['x', 0, null, '', ['x']], [{ deeper: 1 }]],
  ['exists false', [{ exists: false }], [], ['x', null]],
  ['prefix', [{ prefix: 'us-' }], ['us-east-1', 'us-'], ['eu-', 'US-east', 7, null]],
  ['suffix', [{ suffix: '.png' }], ['a.png'], ['a.PNG', 'png']],
  ['equals-ignore-case', [{ 'equals-ignore-case': 'alice' }], ['ALICE', 'alice'], ['bob']],
  ['anything-but one', [{ 'anything-but': 'Raining' }], ['Sunny', 1, null], ['Raining']],
  ['anything-but several', [{ 'anything-but': ['a', 3] }], ['b', 4], ['a', 3]],
  ['numeric equality', [{ numeric: ['=', 100] }], [100], [99, '100']],
  ['numeric range', [{ numeric: ['>', 10, '<=', 20] }], [10.5, 20], [10, 20.1, '15', null]],
  ['a list matches by one of its elements', ['b'], [['a', 'b'], ['b']], [['a'], []]],
]
for (const [rule, rules, yes, no] of cases) {
  test(`filter rule: ${rule}`, () => {
    for (const value of yes) assert.equal(matches(rules, { field: value }), true, JSON.stringify(value))
    for (const value of no) assert.equal(matches(rules, { field: value }), false, JSON.stringify(value))
  })
}

test('a property that is missing matches only exists false', () => {
  assert.equal(matches([{ exists: false }], { other: 1 }), true)
  for (const rules of [['x'], [null], [{ exists: true }], [{ 'anything-but': 'x' }], [{ prefix: '' }]])
    assert.equal(matches(rules, { other: 1 }), false, JSON.stringify(rules))
})

test('all properties of a pattern must match, at any depth; one of several filters is enough', () => {
  const both = compileFilters(['{"data":{"order":{"type":["buy"],"stock":["ANYCO"]}}}'])
  assert.equal(both(json({ order: { type: 'buy', stock: 'ANYCO', quantity: 1 } })), true)
  assert.equal(both(json({ order: { type: 'buy' } })), false)
  assert.equal(both(json({ type: 'buy', stock: 'ANYCO' })), false)
  const either = compileFilters(['{"data":{"a":[1]}}', '{"data":{"b":[1]}}'])
  assert.deepEqual(
    [{ a: 1 }, { b: 1 }, { c: 1 }].map((value) => either(json(value))),
    [true, true, false],
  )
})

test('$or', () => {
  const filter = compileFilters(['{"data":{"$or":[{"a":[1]},{"b":[{"numeric":[">",5]}]}],"c":["x"]}}'])
  assert.equal(filter(json({ a: 1, c: 'x' })), true)
  assert.equal(filter(json({ b: 6, c: 'x' })), true)
  assert.equal(filter(json({ b: 5, c: 'x' })), false)
  assert.equal(filter(json({ a: 1 })), false)
})

test('partitionKey', () => {
  const filter = compileFilters(['{"partitionKey":[{"prefix":"tenant-1#"}]}'])
  assert.equal(filter(recordAt('1', 0, { partitionKey: 'tenant-1#3', data: Buffer.from('no JSON') })), true)
  assert.equal(filter(recordAt('1', 0, { partitionKey: 'tenant-2#3' })), false)
})

test('a pattern for data drops what is not JSON; a pattern without one does not look at it', () => {
  assert.equal(compileFilters(['{"data":{"a":[{"exists":false}]}}'])(json('plain text')), false)
  assert.equal(compileFilters(['{}'])(json('plain text')), true)
})

test('no filters: everything', () => assert.equal(compileFilters([])(json('plain text')), true))

for (const pattern of [
  'no JSON',
  '[]',
  '{"data":["text"]}',
  '{"data":{"a":"bare"}}',
  '{"data":{"a":[{"wildcard":"*"}]}}',
  '{"data":{"a":[{"prefix":1}]}}',
  '{"data":{"a":[{"numeric":["~",1]}]}}',
  '{"data":{"a":[{"numeric":[">"]}]}}',
  '{"data":{"a":[1],"b":{"c":[{"cidr":"10.0.0.0/24"}]}}}',
  '{"data":{"$or":{"a":[1]}}}',
  '{"sequenceNumber":["1"]}',
])
  test(`a pattern that is not understood is refused: ${pattern}`, () => assert.throws(() => compileFilters([pattern]), MappingRefused))
