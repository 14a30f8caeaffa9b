import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  array,
  bigint,
  boolean,
  bytea,
  type Column,
  date,
  doublePrecision,
  integer,
  jsonb,
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
import { csvRowEncoder } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { jsonRowEncoder } from '#core/rows/row.ts'
import { csvScanner } from '#core/scanner/csv-scanner.ts'
import { jsonScanner } from '#core/scanner/json-scanner.ts'
import { comparison, day, mutate, mutation, values } from '../../support/plain-rows.ts'

const options = { day, lead: false }
const listsOf = (element: Column) =>
  dataset('lists', {
    description: 'a test',
    columns: { id: bigint(), list: array(element, { nullable: true }) },
    primaryKey: ['id'],
    onConflict: 'ignore',
  })
function readersOf(element: Column) {
  const lists = listsOf(element)
  const names = ['id', 'list']
  const json = comparison(() => jsonScanner(lists, day, false), jsonRowEncoder(lists, options))
  const csv = comparison(() => csvScanner(lists, options, standardCsv, names)!, csvRowEncoder(lists, options, standardCsv, names))
  return {
    json: { ...json, compare: (list: string, change = unhurt) => json.compare(mutate(Buffer.from(`{"id":1,"list":${list}}`), change)) },
    csv: {
      ...csv,
      compare: (list: string, change = unhurt) => csv.compare(mutate(Buffer.from(`1,"${list.replaceAll('"', '""')}"`), change)),
    },
  }
}
const unhurt = { at: 0, kind: 'none', byte: 0 }

const words = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: fc.constantFrom('a', 'z', '-', '[', '1'), maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', 'a b', 'null', 'NULL', 'nulls', 'x,y', '{', '}', '"', '\\', 'é', '\u00a0', '🚀', '\t') },
)
const json = (value: string): string => JSON.stringify(value)
const elements: readonly [string, Column, fc.Arbitrary<string>][] = [
  ['smallint', smallint({ nullable: true }), values.small],
  ['integer', integer(), values.n],
  ['bigint', bigint({ nullable: true }), values.id],
  ['numeric', numeric({ nullable: true }), values.price],
  ['numeric(8,2)', numeric({ precision: 8, scale: 2 }), values.cost],
  ['real', real({ nullable: true }), values.share],
  ['double precision', doublePrecision(), values.ratio],
  ['boolean', boolean({ nullable: true }), fc.constantFrom('true', 'false')],
  ['text', text({ nullable: true }), words.map(json)],
  ['varchar(3)', text({ max: 3 }), words.map(json)],
  ['uuid', uuid(), values.key],
  ['date', date({ nullable: true }), values.day],
  ['timestamp', timestamp(), values.local],
  ['timestamptz', timestamptz(), values.at],
  ['bytea', bytea({ nullable: true }), values.hash],
  ['an enum', oneOf(['red', 'redder', 'dark blue', 'é', 'null', ' x', 'x\u00a0', 'a,b'], { nullable: true }), values.colour],
  ['jsonb', jsonb({ nullable: true }), fc.oneof(fc.json({ maxDepth: 1 }), fc.constantFrom('1.50', '{"b":1,"a":[]}'))],
]
/** An array as Postgres writes it. `quotes` also where it would write none, or none where it would. */
function literal(list: readonly string[], quotes: string, comma: string): string {
  const element = (text: string): string => {
    if (text === 'null') return quotes === 'all' ? 'Null' : 'NULL'
    const value = text.startsWith('"') ? (JSON.parse(text) as string) : text === 'true' ? 't' : text
    const needed = quotes === 'all' || (quotes === 'needed' && /[\s{}",\\]|^$|^null$/i.test(value))
    return needed ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
  }
  return `{${list.map(element).join(comma)}}`
}

for (const [name, element, plain] of elements)
  test(`arrays of ${name}: what the scanners take is, byte for byte, what the general parser makes of it`, () => {
    const inJson = readersOf(element)
    const inLiteral = readersOf(element)
    const lists = fc.array(fc.oneof({ weight: 19, arbitrary: plain }, { weight: 1, arbitrary: fc.constant('null') }), { maxLength: 4 })
    const quoting = fc.constantFrom('needed', 'needed', 'all', 'never')
    fc.assert(
      fc.property(lists, fc.constantFrom(',', ', '), quoting, mutation, (list, comma, quotes, change) => {
        inJson.json.compare(`[${list.join(comma)}]`, change)
        inJson.csv.compare(`[${list.join(comma)}]`, change)
        inLiteral.csv.compare(literal(list, quotes, comma), change)
      }),
      { numRuns: 1_500 },
    )
    for (const { taken, left } of [inJson.json.counts, inJson.csv.counts, inLiteral.csv.counts])
      assert.ok(taken > 60 && left > 150, `${taken} taken, ${left} left to the general parser`)
  })

test('arrays: the plain ones are taken, and what needs judgement is left to the general parser', () => {
  /** Asked of new readers each, for a scanner rests after rows that it did not take. */
  const takes = (format: 'json' | 'csv', element: Column, list: string): boolean => readersOf(element)[format].compare(list)
  const [numbers, texts] = [integer({ nullable: true }), text({ nullable: true })]
  for (const list of ['[]', '[1]', '[1,2]', '[-1, 0]', '[null,1]'])
    assert.ok(takes('json', numbers, list) && takes('csv', numbers, list), list)
  for (const list of ['{}', '{1}', '{1,2}', '{-1, 0}', '{NULL,1}', '{null}']) assert.ok(takes('csv', numbers, list), list)
  for (const list of ['["a","b c"]', '["é\\n"]', '[null,""]']) assert.ok(takes('json', texts, list) && takes('csv', texts, list), list)
  for (const list of ['{a,b-c}', '{"b c",d}', '{NULL,"NULL",nulls}', '{"","é"}', '{"{x,y}"}']) assert.ok(takes('csv', texts, list), list)
  assert.ok(takes('csv', boolean(), '{t,f,true}'))
  for (const list of ['{}', '[', '[1', '[1,]', '[,1]', '[1 2]', '[1]]', '[[1]]', '["1"]', '[NULL]', '[1.0]', '1', '""'])
    assert.ok(!takes('json', numbers, list), list)
  for (const list of ['{', '{1', '{1,}', '{,1}', '{1 2}', '{1}}', '{{1}}', '{"1"}', '[1}', '{1]', '[NULL]', '1', '[0:1]={1,2}'])
    assert.ok(!takes('csv', numbers, list), list)
  for (const list of ['{é}', '{a b}', '{"a\\b"}', '{a"b}', '{ }', '{""']) assert.ok(!takes('csv', texts, list), list)
  assert.ok(!takes('csv', text(), '{NULL}') && !takes('json', text(), '[null]'), 'NULL for an element that must have a value')
  assert.ok(!takes('csv', boolean(), '[t]') && !takes('json', boolean(), '[t]'), 'a short boolean in JSON')
})
