import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bigint, doublePrecision, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { csvColumns } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { jsonRowEncoder } from '#core/rows/row.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'

const n = { nullable: true } as const
const columns = { id: bigint(), value: doublePrecision(n), unit: text(n) }
const shape = { description: 'a test', columns, primaryKey: ['id'], onConflict: 'ignore' } as const
const lenient = dataset('readings', { ...shape, unknownColumns: 'ignore' })
const strict = dataset('readings', shape)

const header = (d: Dataset, line: string): string => {
  try {
    return csvColumns(d, standardCsv, Buffer.from(line, 'latin1')).join()
  } catch (error) {
    assert.ok(error instanceof LoadError)
    assert.equal(error.problem.code, 'csv-header-invalid')
    return error.message
  }
}
const row = (d: Dataset, values: object): string => {
  const refusal = jsonRowEncoder(d, { day: new Date(0), lead: false })(Buffer.from(JSON.stringify(values)), 1, 0, new CopyWriter())
  return refusal ? `${refusal.code} ${refusal.column}: ${refusal.message}` : 'taken'
}

test('a header that is a column but for case or space is refused by name, whatever the dataset passes over', () => {
  for (const d of [lenient, strict]) {
    assert.match(header(d, 'id, value,unit'), /it has " value"; the column is "value"/)
    assert.match(header(d, 'id,Value,unit'), /it has "Value"; the column is "value"/)
    assert.match(header(d, 'id,value,UNIT '), /it has "UNIT "; the column is "unit"/)
  }
})

test('what is no column at all is passed over; so is a second form of one that is there', () => {
  assert.equal(header(lenient, 'id,value,unit,other'), 'id,value,unit,other')
  assert.equal(header(lenient, 'id,value,Value'), 'id,value,Value')
})

test('a header in Latin-1 is told to be no UTF-8', () => {
  assert.match(header(lenient, 'id,gr\xf6\xdfe'), /it is not UTF-8; save the file as UTF-8/)
  assert.match(header(lenient, 'id,"value'), /it is not valid CSV/)
})

test('so it is with the keys of a row, whose neighbours load', () => {
  for (const d of [lenient, strict]) {
    assert.match(row(d, { id: 1, Value: 2 }), /^unknown-column Value: the row has "Value"; the column is "value"/)
    assert.match(row(d, { 'unit ': 'x', id: 1, value: 2 }), /^unknown-column unit : the row has "unit "; the column is "unit"/)
  }
  assert.equal(row(lenient, { id: 1, value: 2, Value: 3, other: 4 }), 'taken')
  assert.equal(row(lenient, { Value: 3, id: 1, value: 2 }), 'taken')
  assert.match(row(strict, { id: 1, other: 4 }), /the dataset has no such column/)
})
