import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FileMetaData, parquetMetadata, type SchemaElement } from 'hyparquet'
import { ByteWriter, parquetWriteBuffer } from 'hyparquet-writer'
import { writeMetadata } from 'hyparquet-writer/src/metadata.js'
import { bigint, type Column, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { SplitRow } from '#core/rows/row-splitter.ts'
import { parquetOpener } from '#platform/s3/parquet.ts'
import { readFooter } from '#platform/s3/parquet-footer.ts'
import { exampleLoad } from '../../support/example-load.ts'

const reader = (file: Buffer) =>
  async function* (_: string, from: number, to: number) {
    yield file.subarray(from, to)
  }
const footerOf = (file: Buffer) => readFooter({ read: reader(file), key: 'k', size: file.length })
const codeOf = (error: unknown): string => (error instanceof LoadError ? error.problem.code : String(error))
const problemOf = (file: Buffer) => footerOf(file).then(() => 'none', codeOf)

const schema: SchemaElement[] = [
  { name: 'root', num_children: 2 },
  { name: 'id', type: 'INT64', repetition_type: 'REQUIRED' },
  { name: 'name', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
]
const written = (rows: number, rowGroupSize: number, name = (i: number): string | null => `name ${i}`): Buffer =>
  Buffer.from(
    parquetWriteBuffer({
      schema,
      columnData: [
        { name: 'id', data: Array.from({ length: rows }, (_, i) => BigInt(i)) },
        { name: 'name', data: Array.from({ length: rows }, (_, i) => name(i)) },
      ],
      rowGroupSize,
    }),
  )

/** The file with another footer. */
function withFooter(file: Buffer, change: (metadata: FileMetaData) => void): Buffer {
  const metadata = parquetMetadata(file, { geoparquet: false })
  change(metadata)
  const writer = new ByteWriter()
  writer.appendBytes(file.subarray(0, file.length - 8 - file.readUInt32LE(file.length - 8)))
  writeMetadata(writer, metadata)
  writer.appendUint32(0x31524150)
  return Buffer.from(writer.getBytes())
}

const whole = written(30, 10)
test('a footer that is itself is read', async () => {
  const { groups } = await footerOf(withFooter(whole, () => undefined))
  assert.deepEqual(
    groups.map(({ firstRow, rows }) => [firstRow, rows]),
    [
      [0, 10],
      [10, 10],
      [20, 10],
    ],
  )
})

for (const [what, change] of [
  ['a row group is missing', (m) => m.row_groups.pop()],
  ['a row group stands twice', (m) => m.row_groups.push(m.row_groups[2]!)],
  ['row groups stand in another order', (m) => m.row_groups.reverse()],
  ['the file has other rows than its groups', (m) => Object.assign(m, { num_rows: 31n })],
  [
    'a group has fewer rows than values in a column',
    (m) => {
      Object.assign(m.row_groups[0]!, { num_rows: 9n })
      Object.assign(m, { num_rows: 29n })
    },
  ],
  ['a column has fewer values than its group', (m) => Object.assign(m.row_groups[1]!.columns[1]!.meta_data!, { num_values: 9n })],
  ['a column is behind the end', (m) => Object.assign(m.row_groups[2]!.columns[1]!.meta_data!, { total_compressed_size: 1n << 40n })],
  ['a column is before the beginning', (m) => Object.assign(m.row_groups[0]!.columns[0]!.meta_data!, { data_page_offset: -1n })],
  ['rows are fewer than none', (m) => Object.assign(m.row_groups[0]!, { num_rows: -10n })],
] as const satisfies readonly (readonly [string, (metadata: FileMetaData) => unknown])[])
  test(`a footer that contradicts itself is damaged, and no row is lost by it: ${what}`, async () =>
    assert.equal(await problemOf(withFooter(whole, (m) => void change(m))), 'parquet-invalid'))

test('what a footer claims to have is not waited for, nor made room for', async () => {
  // More children than there are elements, again and again.
  const wide = withFooter(whole, (m) => {
    m.schema.push(...Array.from({ length: 50 }, (_, i): SchemaElement => ({ name: `g${i}`, num_children: 2 ** 31 - 1 })))
  })
  assert.equal((await footerOf(wide)).columns.length, 3)
  const footer = (...bytes: Buffer[]): Buffer => {
    const file = Buffer.concat([Buffer.from('PAR1'), ...bytes, Buffer.alloc(4), Buffer.from('PAR1')])
    file.writeUInt32LE(file.length - 12, file.length - 8)
    return file
  }
  // A number of two million bytes; lists in lists of 30 million each.
  assert.equal(await problemOf(footer(Buffer.from([0x16]), Buffer.alloc(2 << 20, 0xff))), 'parquet-invalid')
  assert.equal(await problemOf(footer(Buffer.from([0x19]), Buffer.from('f980a7a60e'.repeat(200), 'hex'))), 'parquet-invalid')
  const many = withFooter(whole, (m) => {
    const column = m.row_groups[0]!.columns[0]!
    delete column.meta_data!.statistics
    m.row_groups[0]!.columns = Array.from({ length: 150_000 }, () => column)
  })
  assert.equal((await footerOf(many)).groups.length, 3)
})

const things = (columns: Record<string, Column>) =>
  dataset('things', { description: 'a test', columns: { id: bigint(), ...columns }, primaryKey: ['id'], onConflict: 'ignore' })

/** What the only chunk of a file gives: its rejects, and how many of them came at most between two times that the sink was waited for. */
async function readWhole(file: Buffer, set: ReturnType<typeof things>) {
  const open = parquetOpener(reader(file))
  const load = exampleLoad({
    objectKey: 'k',
    size: file.length,
    chunkSize: file.length,
    format: 'parquet',
    compression: 'none',
    planned: 1,
  })
  const refused: { code: string; column: string | null; row: SplitRow }[] = []
  let gathered = 0
  let most = 0
  const read = await open(load as never, set).chunk(0, undefined, () => ({ rows: Number.POSITIVE_INFINITY, isOver: () => false }))(
    {
      write: async () => undefined,
      refuse: ({ code, column }, row) => {
        refused.push({ code, column, row })
        most = Math.max(most, ++gathered)
      },
      flush: async () => {
        gathered = 0
      },
    },
    false,
  )
  return { read, refused, most }
}

test('rejects are handed on while they come: a row group of nothing but bad rows is not gathered', async () => {
  const { read, refused, most } = await readWhole(
    written(5000, 5000, (i) => `too long ${i}`),
    things({ name: text({ max: 3 }) }),
  )
  assert.deepEqual([read.received, read.encoded, refused.length], [5000, 0, 5000])
  assert.ok(most <= 64, `${most} at once`)
})

test('a row of many large values is refused before all of it is written, and little of it is shown', async () => {
  const value = 'é'.repeat(400_000)
  const names = Array.from({ length: 60 }, (_, i) => `c${i}`)
  const file = Buffer.from(
    parquetWriteBuffer({
      schema: [{ name: 'root', num_children: 61 }, schema[1]!, ...names.map((name): SchemaElement => ({ ...schema[2]!, name }))],
      columnData: [{ name: 'id', data: [1n, 2n] }, ...names.map((name) => ({ name, data: [value, name] }))],
    }),
  )
  const { read, refused } = await readWhole(file, things(Object.fromEntries(names.map((name) => [name, text({ nullable: true })]))))
  assert.deepEqual([read.received, read.encoded], [2, 1])
  assert.deepEqual(
    refused.map(({ code, row }) => [code, row.line, row.oversized, row.bytes.length < 40_000, row.bytes.toString('utf8', 0, 12)]),
    [['row-too-large', 1, true, true, '{"id":1,"c0"']],
  )
})

test('columns that say why a row was rejected are passed over; a name of any length makes a message of some', async () => {
  const renamed = (name: string) =>
    withFooter(whole, (m) => {
      m.schema.push({ name, type: 'INT64', repetition_type: 'OPTIONAL' })
      m.schema[0]!.num_children = 3
    })
  const set = things({ name: text({ nullable: true }) })
  assert.equal((await readWhole(renamed('_error'), set)).read.encoded, 30)
  assert.equal((await readWhole(renamed('_line'), set)).read.encoded, 30)
  const long = 'x'.repeat(500_000)
  for (const file of [renamed(long), withFooter(renamed(long), (m) => m.schema.push(m.schema[3]!))])
    await assert.rejects(
      readWhole(file, set),
      (error: unknown) => codeOf(error) === 'parquet-schema-mismatch' && String(error).length < 500,
    )
})
