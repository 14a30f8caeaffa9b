import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetMetadata } from 'hyparquet'
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer'
import { bytea, type Column, numeric, text } from '#core/columns/column.ts'
import { LoadError } from '#core/errors.ts'
import { PageMemory, ParquetColumn } from '#core/parquet/column.ts'
import { Deltas } from '#core/parquet/deltas.ts'
import { RunLengths } from '#core/parquet/runs.ts'
import { BadValue, valueReader } from '#core/parquet/values.ts'
import { chunk, columnOf, dataPage, dictionaryPage, leaf, rowsOf, stored, zstd } from '../../support/parquet-pages.ts'

/** The values of all columns, as the encoders of a dataset would get them. */
function readAll(file: Buffer, columnOf: (name: string) => Column = () => text(), kept = 1000): Record<string, unknown[]> {
  const { schema, row_groups: groups } = parquetMetadata(file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer)
  const values: Record<string, unknown[]> = {}
  for (const [i, element] of schema.slice(1).entries()) {
    const read = valueReader(element, columnOf(element.name), 1000)!
    values[element.name] = groups.flatMap(({ columns, num_rows }) => {
      const meta = columns[i]!.meta_data!
      const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
      const chunk = file.subarray(start, start + Number(meta.total_compressed_size))
      const rows = Number(num_rows)
      const column = new ParquetColumn(stored(chunk), { element, meta, rows, read, kept, memory: new PageMemory() })
      return Array.from({ length: rows }, () => column.next())
    })
  }
  return values
}

const folder = new URL('parquet-files/', import.meta.url)
const written: Record<string, unknown[]> = JSON.parse(readFileSync(new URL('values.json', folder), 'utf8'))
for (const name of readdirSync(folder).filter((file) => file.endsWith('.parquet')))
  test(`${name}: every value is read as its writer had it`, () => {
    const columnOf = (column: string): Column => (['bytes', 'fixed'].includes(column) ? bytea() : column === 'word' ? text() : numeric())
    for (const kept of [0, 1000])
      for (const [column, values] of Object.entries(readAll(readFileSync(new URL(name, folder)), columnOf, kept)))
        assert.deepEqual(
          values.map((value) => canonical(column, value)),
          written[column]!.map((value) => canonical(column, value)),
          `${name}: ${column}`,
        )
  })

/** Times with as many digits as microseconds have: writers may store them finer than they were given. */
function canonical(column: string, value: unknown): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (column !== 'ms' && column !== 'us') return String(value)
  return String(value).replace(/(\.\d+)(Z?)$/, (_, fraction: string, z: string) => fraction.padEnd(7, '0') + z)
}

const columns = [
  { element: leaf('int', 'INT32'), encodings: ['PLAIN', 'DELTA_BINARY_PACKED', 'BYTE_STREAM_SPLIT'], value: fc.integer() },
  {
    element: leaf('long', 'INT64'),
    encodings: ['PLAIN', 'DELTA_BINARY_PACKED', 'BYTE_STREAM_SPLIT'],
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  },
  { element: leaf('double', 'DOUBLE'), encodings: ['PLAIN', 'BYTE_STREAM_SPLIT'], value: fc.double({ noNaN: true }) },
  { element: leaf('yes', 'BOOLEAN'), encodings: ['PLAIN', 'RLE'], value: fc.boolean() },
  {
    element: leaf('word', 'BYTE_ARRAY', { converted_type: 'UTF8' }),
    encodings: ['PLAIN', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY'],
    value: fc.string({ unit: 'binary', maxLength: 6 }).filter((s) => s.isWellFormed()),
  },
] as const

test('what was written is what is read: any encoding or a dictionary, page size, codec, runs and nulls', () => {
  const file = fc.tuple(
    fc.constantFrom('UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD'),
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 20, max: 2000 }),
    ...columns.map(({ element, encodings, value }) => {
      const some = fc.array(fc.tuple(fc.option(value as fc.Arbitrary<unknown>, { freq: 4 }), fc.constantFrom(1, 2, 9, 60)), {
        minLength: 1,
        maxLength: 30,
      })
      return fc.record({ element: fc.constant(element), encoding: fc.option(fc.constantFrom(...encodings)), runs: some })
    }),
  )
  fc.assert(
    fc.property(file, fc.nat(), ([codec, rowGroupSize, pageSize, ...made], kept) => {
      const lists = made.map(({ runs }) => runs.flatMap(([value, times]) => Array.from({ length: times }, () => value)))
      const rows = Math.min(...lists.map((list) => list.length))
      const data = lists.map((list) => list.slice(0, rows))
      const columnData = made.map(
        ({ element, encoding }, i): ColumnSource => ({ name: element.name, data: data[i]!, ...(encoding && { encoding }) }),
      )
      const schema = [{ name: 'root', num_children: made.length }, ...made.map(({ element }) => element)]
      const compressors = { GZIP: (b: Uint8Array) => gzipSync(b), ZSTD: (b: Uint8Array) => zstdCompressSync(b) }
      const bytes = Buffer.from(parquetWriteBuffer({ columnData, schema, codec, compressors, rowGroupSize, pageSize }))
      const got = readAll(bytes, undefined, kept % 3)
      for (const [i, { element }] of made.entries())
        assert.deepEqual(
          got[element.name]!.map((value) => (element.name === 'long' && value !== null ? BigInt(value as string) : value)),
          data[i],
          element.name,
        )
    }),
    { numRuns: 300 },
  )
})

const sample = readFileSync(new URL('arrow-v1-dictionaries.parquet', folder))
const others = ['arrow-v1-deltas', 'arrow-v2-deltas', 'duckdb-v1', 'polars'].map((name) => readFileSync(new URL(`${name}.parquet`, folder)))
test('a damaged file is read to its end or refused; it takes no more time or memory than a whole one', () => {
  const damage = fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.constantFrom(sample, ...others), damage, (whole, changes) => {
      const file = Buffer.from(whole)
      // The footer is spared: what it says of groups and rows is checked where it is read.
      const body = file.length - 8 - file.readUInt32LE(file.length - 8)
      for (const [where, byte] of changes) file[Math.floor(where * body)] = byte
      try {
        for (const values of Object.values(readAll(file))) assert.equal(values.length, 120)
      } catch (error) {
        if (error instanceof assert.AssertionError || !(error instanceof Error)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})

test('packed numbers: an end that is missing, a width that is none, numbers without bits', () => {
  const runs = (bytes: number[], width: number) => new RunLengths(Buffer.from(bytes), 0, bytes.length, width)
  const take = (from: RunLengths, n: number) => Array.from({ length: n }, () => from.next())
  assert.deepEqual(take(runs([0x03, 0x88, 0xc6, 0xfa], 3), 8), [0, 1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(take(runs([0x06, 0x02, 0x02, 0x01], 2), 4), [2, 2, 2, 1])
  assert.deepEqual(take(runs([], 0), 3), [0, 0, 0])
  assert.throws(() => take(runs([0x06, 0x02], 2), 4), /end early/)
  assert.throws(() => take(runs([0x03, 0x88], 3), 8), /end early/)
  assert.throws(() => runs([0x03], 33), /not where they should be/)
})

test('deltas: blocks of a size that there is not, and more values than there are, are refused', () => {
  const deltas = (...bytes: number[]) => new Deltas(Buffer.from(bytes), 32)
  assert.equal(deltas(0x80, 0x01, 4, 1, 6).next(), 3)
  for (const sizes of [
    [0, 4],
    [0x80, 0x01, 0],
    [0x80, 0x01, 3],
    [0x81, 0x01, 4],
    [0x80, 0x01, 0x80, 0x01],
  ])
    assert.throws(() => deltas(...sizes, 1, 6), /size that there is/)
  const one = deltas(0x80, 0x01, 4, 1, 6)
  one.next()
  assert.throws(() => one.next(), /end early/)
  // Two values said, no block behind the first.
  const two = deltas(0x80, 0x01, 4, 2, 6)
  two.next()
  assert.throws(() => two.next())
  assert.throws(() => deltas(0x80, 0x01, 4, 2, 6, 0, 65, 0, 0, 0).end(), /go beyond/)
})

const isTooLarge = (error: unknown) => error instanceof LoadError && error.problem.code === 'parquet-row-group-too-large'

test('what a page says of itself is believed within bounds only', () => {
  const word = Buffer.from([2, 0, 0, 0, 0x68, 0x69])
  const index = Uint8Array.of(1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0)
  assert.deepEqual(rowsOf(columnOf(chunk(dataPage(zstd(word), 1, 'PLAIN', 6)), 1), 1), ['hi'])
  // A billion rows of one value in seven bytes are read one by one.
  const constant = chunk(dictionaryPage(zstd(word), 1, 6), dataPage(zstd(index), 1e9, 'RLE_DICTIONARY', 7))
  assert.deepEqual(rowsOf(columnOf(constant, 1e9), 3), ['hi', 'hi', 'hi'])
  assert.throws(() => columnOf(constant, 10).next(), /more rows than its group/)
  assert.throws(() => rowsOf(columnOf(chunk(dataPage(zstd(word), 1, 'PLAIN', 6)), 2), 2), /fewer rows than its group/)
  assert.throws(() => columnOf(chunk(dictionaryPage(zstd(word), 1e9, 6)), 1).next(), /more values than bytes/)
  assert.throws(() => columnOf(chunk(dictionaryPage(zstd(word), 2, 6)), 1).next())
  const pointsBeyond = chunk(dictionaryPage(zstd(word), 1, 6), dataPage(zstd(Uint8Array.of(1, 2, 1)), 1, 'RLE_DICTIONARY', 3))
  assert.throws(() => columnOf(pointsBeyond, 1).next(), /does not have/)
  assert.throws(() => columnOf(chunk(dataPage(zstd(index), 1, 'RLE_DICTIONARY', 7)), 1).next(), /needs a dictionary/)
})

test('pages that inflate to more than is held are refused before or while they are inflated', () => {
  const bomb = zstd(new Uint8Array(70 * 1024 * 1024))
  assert.throws(() => columnOf(chunk(dataPage(bomb, 1, 'PLAIN', 70 * 1024 * 1024)), 1).next(), isTooLarge)
  assert.throws(() => columnOf(chunk(dataPage(bomb, 1, 'PLAIN', 100)), 1).next(), Error)
  const memory = new PageMemory()
  const large = chunk(dataPage(zstd(new Uint8Array(60 * 1024 * 1024)), 1, 'PLAIN', 60 * 1024 * 1024))
  const columns = Array.from({ length: 5 }, () => columnOf(large, 1, undefined, memory))
  for (const column of columns.slice(0, 4)) assert.equal(column.next(), '')
  assert.throws(() => columns[4]!.next(), isTooLarge)
})

test('a value longer than a row may be is refused without being decoded', () => {
  const value = Buffer.alloc(4 + 1001, 'x')
  value.writeUInt32LE(1001)
  const refused = columnOf(chunk(dataPage(zstd(value), 1, 'PLAIN', value.length)), 1).next()
  assert.ok(refused instanceof BadValue)
  assert.equal(refused.code, 'row-too-large')
})
