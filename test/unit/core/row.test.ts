import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  array,
  bigint,
  boolean,
  bytea,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  oneOf,
  smallint,
  text,
  timestamptz,
  uuid,
} from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { csvColumns, csvRowEncoder } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { jsonRowEncoder } from '#core/rows/row.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { readings } from '../../../datasets/readings.ts'

const things = dataset('things', {
  description: 'a test',
  columns: {
    id: bigint(),
    small: smallint({ nullable: true }),
    n: integer({ default: 5 }),
    price: numeric({ precision: 6, scale: 2, nullable: true }),
    ok: boolean({ nullable: true }),
    code: text({ max: 3, nullable: true }),
    key: uuid({ nullable: true }),
    at: timestamptz({ nullable: true }),
    doc: jsonb({ nullable: true }),
    ratio: doublePrecision({ nullable: true }),
    raw: bytea({ nullable: true }),
    state: oneOf(['new', 'paid'], { nullable: true }),
    tags: array(text({ max: 2 }), { nullable: true }),
    sums: array(integer({ nullable: true }), { nullable: true }),
  },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
const options = { day: new Date('2026-03-01T00:00:00Z'), lead: true }
const json = jsonRowEncoder(things, options)
const refusalOf = (row: string | Buffer) => {
  const out = new CopyWriter()
  const refusal = json(Buffer.from(row), 1, 0, out)
  assert.equal(out.length === 0, refusal !== undefined, 'a refused row leaves nothing behind, a good one something')
  return refusal && [refusal.code, refusal.column]
}

for (const [row, code, column] of [
  ['', 'invalid-json', null],
  ['{"id":1', 'invalid-json', null],
  ['{"id":1}{"id":2}', 'invalid-json', null],
  ['[1]', 'not-an-object', null],
  ['null', 'not-an-object', null],
  ['"text"', 'not-an-object', null],
  ['{}', 'missing-column', 'id'],
  ['{"id":null}', 'null-not-allowed', 'id'],
  ['{"id":1,"n":null}', 'null-not-allowed', 'n'],
  ['{"id":1,"extra":1}', 'unknown-column', 'extra'],
  ['{"id":1,"__proto__":1}', 'unknown-column', '__proto__'],
  ['{"id":"x"}', 'invalid-format', 'id'],
  ['{"id":1.5}', 'wrong-type', 'id'],
  ['{"id":9007199254740993}', 'out-of-range', 'id'],
  ['{"id":"9223372036854775808"}', 'out-of-range', 'id'],
  ['{"id":1,"n":"12"}', 'wrong-type', 'n'],
  ['{"id":1,"small":40000}', 'out-of-range', 'small'],
  ['{"id":1,"price":12345.6}', 'out-of-range', 'price'],
  ['{"id":1,"price":1.234}', 'too-precise', 'price'],
  ['{"id":1,"price":"NaN"}', 'invalid-format', 'price'],
  ['{"id":1,"ok":"true"}', 'wrong-type', 'ok'],
  ['{"id":1,"code":"four"}', 'too-long', 'code'],
  ['{"id":1,"code":"\\u0000"}', 'invalid-text', 'code'],
  ['{"id":1,"code":"\\ud800"}', 'invalid-text', 'code'],
  ['{"id":1,"doc":{"a":["\\u0000"]}}', 'invalid-text', 'doc'],
  [`{"id":1,"doc":${'['.repeat(600)}${']'.repeat(600)}}`, 'too-deep', 'doc'],
  ['{"id":1,"doc":[1e131072]}', 'out-of-range', 'doc'],
  ['{"id":1,"id":1}', 'duplicate-key', 'id'],
  ['{"id":1,"extra":1,"extra":2}', 'duplicate-key', 'extra'],
  ['{"id":1,"\\u0069d" : 2}', 'duplicate-key', 'id'],
  ['{"id":1,"doc":{"a":[{"b\\":":1,"b\\":":2}]}}', 'duplicate-key', 'doc'],
  ['{"id":1.00000000000000001}', 'wrong-type', 'id'],
  ['{"id":1,"n":1e-400}', 'wrong-type', 'n'],
  ['{"id":1,"n":20000000000000000.5}', 'wrong-type', 'n'],
  ['{"id":9007199254740991.4}', 'wrong-type', 'id'],
  ['{"id":1,"ratio":1e-400}', 'out-of-range', 'ratio'],
  ['{"id":1,"ratio":1e400}', 'out-of-range', 'ratio'],
  [`{"id":1,"ratio":0.${'0'.repeat(400)}1}`, 'out-of-range', 'ratio'],
  ['{"id":1,"raw":"YQ"}', 'invalid-format', 'raw'],
  ['{"id":1,"state":"lost"}', 'unknown-value', 'state'],
  ['{"id":1,"state":1}', 'wrong-type', 'state'],
  ['{"id":1,"tags":"a"}', 'wrong-type', 'tags'],
  ['{"id":1,"tags":["a","abc"]}', 'too-long', 'tags'],
  ['{"id":1,"tags":["a",null]}', 'null-not-allowed', 'tags'],
  ['{"id":1,"sums":[1,[2]]}', 'wrong-type', 'sums'],
  ['{"id":1,"key":"not one"}', 'invalid-format', 'key'],
  ['{"id":1,"at":"2026-03-01"}', 'invalid-format', 'at'],
  ['{"id":1,"at":"2026-03-01T00:00:00"}', 'invalid-format', 'at'],
  ['{"id":1,"at":"2026-02-30T00:00:00Z"}', 'out-of-range', 'at'],
  ['{"id":1,"at":"2026-03-01T24:00:00Z"}', 'out-of-range', 'at'],
  ['{"id":1,"at":"2026-03-01T23:59:60Z"}', 'out-of-range', 'at'],
] as const)
  test(`NDJSON ${row.slice(0, 60)} is refused with ${code}`, () => assert.deepEqual(refusalOf(row), [code, column]))

test('nesting a megabyte deep is refused, not a crash', () => {
  const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`
  assert.equal(refusalOf(`{"id":1,"doc":${deep}}`)?.[0], 'too-deep')
  assert.equal(refusalOf(`{"id":1,"doc":${deep},"price":1.50}`)?.[0], 'too-deep', 'and with numbers that JSON.parse does not keep')
})

test('invalid UTF-8 is refused, a replacement character that was sent is not', () => {
  assert.deepEqual(refusalOf(Buffer.from([...Buffer.from('{"id":1,"code":"'), 0xc3, 0x28, ...Buffer.from('"}')])), ['invalid-utf8', null])
  assert.equal(refusalOf('{"id":1,"code":"\ufffd"}'), undefined)
})

for (const row of [
  '{"id":1}',
  '{"id":"9223372036854775807"}',
  ' {"at":"2026-03-01T00:00:00+05:30" , "id":-0}\t',
  '{"id":1,"ratio":0e999,"n":1000e-3,"small":1.0}',
  '{"id":1,"ratio":4.9e-324}',
  '{"id":1,"doc":{"a":":","b":{"a":1},"c":[{"a":"\\\\"},{"a":"{\\":"}]}}',
  '{"id":1e3,"code":"🚀🚀🚀","doc":null,"price":"1234.5"}',
])
  test(`NDJSON ${row} is taken`, () => assert.equal(refusalOf(row), undefined))

const header = 'id,n,code,ok,doc'
const csvEncoder = (header: string) => csvRowEncoder(things, options, standardCsv, csvColumns(things, standardCsv, Buffer.from(header)))
const csv = csvEncoder(header)
const csvRefusal = (row: string) => csv(Buffer.from(row), 1, 0, new CopyWriter())?.code
for (const [row, code] of [
  ['1,2,a,true,{}', undefined],
  ['1,2,,,', undefined],
  ['1,2,"",t,"{""a"":1}"', undefined],
  ['1,2,a', 'csv-field-count'],
  ['1,2,a,t,{},x', 'csv-field-count'],
  ['1,2,"a,t,{}', 'csv-quote-invalid'],
  ['1,2,a"b,t,{}', 'csv-quote-invalid'],
  ['1,2,"a"b,t,{}', 'csv-quote-invalid'],
  ['1,x,a,t,{}', 'invalid-format'],
  ['1, 2,a,t,{}', 'invalid-format'],
  ['1,2,a,yes,{}', 'invalid-format'],
  ['1,2,a,t,{', 'invalid-format'],
  [',2,a,t,{}', 'null-not-allowed'],
  ['1,2,abcd,t,{}', 'too-long'],
] as const)
  test(`CSV ${row} ${code === undefined ? 'is taken' : `is refused with ${code}`}`, () => assert.equal(csvRefusal(row), code))

const lists = csvEncoder('id,tags,sums,state')
for (const [row, code] of [
  ['1,"[""a"",""b""]","[1,null]",new', undefined],
  ['1,"{a,""b""}","{1,NULL}",paid', undefined],
  ['1,{},[],', undefined],
  ['1,"{a,abc}",,', 'too-long'],
  ['1,,"{1,x}",', 'invalid-format'],
  ['1,,"{1,2",', 'invalid-format'],
  ['1,,"[1,""2""]",', 'wrong-type'],
  ['1,,,lost', 'unknown-value'],
] as const)
  test(`CSV ${row} ${code === undefined ? 'is taken' : `is refused with ${code}`}`, () =>
    assert.equal(lists(Buffer.from(row), 1, 0, new CopyWriter())?.code, code))

test('a CSV header may order columns as it likes and leave out optional ones, but not others', () => {
  assert.equal(csvEncoder('ok,id')(Buffer.from('t,1'), 1, 0, new CopyWriter()), undefined)
  for (const wrong of ['n,code', 'id,id', 'id,other', '"id'])
    assert.throws(
      () => csvEncoder(wrong),
      (e) => e instanceof LoadError && e.problem.code === 'csv-header-invalid',
    )
})

test('rows outside the partitions of the load’s day are refused, whatever day it is now', () => {
  const at = (time: string) =>
    jsonRowEncoder(readings, options)(
      Buffer.from(JSON.stringify({ sensor: '00000000-0000-0000-0000-000000000000', at: time, more: 'ignored' })),
      1,
      0,
      new CopyWriter(),
    )?.code
  assert.equal(at('2026-01-30T00:00:00Z'), undefined)
  assert.equal(at('2026-01-29T23:59:59.999999Z'), 'outside-partitions')
  assert.equal(at('2026-03-08T23:59:59Z'), undefined)
  assert.equal(at('2026-03-09T00:00:00Z'), 'outside-partitions')
})
