import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bigint, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { csvColumns } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { settleFormat } from '#core/rows/sniff.ts'

const settle = (format: 'auto' | 'ndjson' | 'json' | 'csv', head: string): string => {
  try {
    return settleFormat({ format }, 'none', Buffer.from(head, 'latin1'))
  } catch (error) {
    if (error instanceof LoadError && error.problem.code === 'format-unsupported') return error.message
    throw error
  }
}

for (const [head, says] of [
  ['PK\x03\x04\x14\0', 'zip'],
  ['7z\xbc\xaf\x27\x1c\0', '7z'],
  [`id.csv${'\0'.repeat(251)}ustar`, 'tar'],
  ['BZh91AY&SY', 'bzip2'],
  ['BZh1\x17rE8P\x90', 'bzip2'],
  ['\xfd7zXZ\0', 'xz'],
  ['\x04\x22\x4d\x18', 'lz4'],
  ['\xff\x06\0\0sNaPpY', 'snappy'],
  ['Obj\x01', 'Avro'],
  ['ARROW1\0\0', 'Arrow'],
  ['\xff\xfei\0d\0,\0', 'UTF-16'],
  ['\xfe\xff\0i\0d\0,', 'UTF-16'],
  ['{\0"\0', 'UTF-16'],
  ['\0[\0{', 'UTF-16'],
] as const)
  test(`what is not read is named, whatever was declared: ${says}, ${JSON.stringify(head.slice(0, 8))}`, () => {
    for (const format of ['auto', 'ndjson', 'json', 'csv'] as const)
      assert.match(settle(format, head), new RegExp(`${says}.*which is not read; `))
  })

test('text that only looks a little like it is read', () => {
  for (const head of [
    'BZh9,id',
    'PK,id',
    'PK\x03',
    'ustar',
    '',
    '\xff\xfe',
    '\xff\xfei\0',
    '\xff\xfe bad\n',
    'i\0 bad\n',
    '\0i\0\0',
    '\0\0\0\0\n',
    '\xef\xbb\xbfid',
  ])
    assert.equal(settle('csv', head), 'csv', JSON.stringify(head))
})

test('a header line that says what is wrong with it', () => {
  const set = dataset('things', {
    description: 'a test',
    columns: { id: bigint(), name: text() },
    primaryKey: ['id'],
    onConflict: 'ignore',
  })
  const wrong = (header: string, says: RegExp) =>
    assert.throws(
      () => csvColumns(set, standardCsv, Buffer.from(header)),
      (error: unknown) =>
        error instanceof LoadError && error.problem.code === 'csv-header-invalid' && says.test(error.message) && error.message.length < 300,
    )
  wrong('id,name\r1,a\r2,b', /carriage return alone/)
  wrong(`${'x'.repeat(500_000)},${'x'.repeat(500_000)}`, /"x+" stands twice/)
  wrong(`${'x'.repeat(500_000)},id`, /no column "x+"/)
  // As many names as fit into a line.
  wrong(Array.from({ length: 150_000 }, (_, i) => `c${i}`).join(), /no column "c0"/)
})
