import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { type Column, jsonb, numeric, oneOf, text } from '#core/columns/column.ts'
import { LoadError } from '#core/errors.ts'
import { PageMemory, ParquetColumn } from '#core/parquet/column.ts'
import { valuesOf } from '#core/parquet/encodings.ts'
import { hadoopLz4, lz4 } from '#core/parquet/lz4.ts'
import { RunLengths } from '#core/parquet/runs.ts'
import { structEnd } from '#core/parquet/thrift.ts'
import { BadValue, valueReader } from '#core/parquet/values.ts'
import { chunk, columnOf, dataPage, dictionaryPage, leaf, rowsOf, stored, zstd } from '../../support/parquet-pages.ts'

const word = Buffer.from([2, 0, 0, 0, 0x68, 0x69])

test('a structure is walked through before anything is made of it', () => {
  const end = (...bytes: number[]) => structEnd(Buffer.from(bytes), 0)
  assert.equal(end(0), 1)
  assert.equal(end(0x19, 0x26, 1, 1, 0), 5)
  // i32, a text, a list of two i64, a boolean, a field by its whole number, and what stands behind.
  assert.equal(end(0x15, 2, 0x18, 2, 0x68, 0x69, 0x19, 0x26, 1, 1, 0x11, 0x03, 40, 7, 0, 99), 15)
  assert.equal(end(0x1c, 0, 0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0), 12)
  assert.throws(() => end(0x15, 2), RangeError)
  assert.throws(() => end(0x18, 5, 0x68, 0), /beyond its bytes/)
  assert.throws(() => end(0x17, 0, 0, 0), /beyond its bytes/)
  assert.throws(() => end(0x15, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0), /longer than its type/)
  assert.equal(end(0x16, ...Array(9).fill(0x80), 1, 0), 12)
  assert.throws(() => end(0x16, ...Array(10).fill(0x80), 1, 0), /longer than its type/)
  assert.throws(() => end(0x1b, 0), /no type 11/)
  assert.throws(() => structEnd(Buffer.alloc(100, 0x1c), 0), /too deeply/)
  // Lists of lists, each said to have 30 million: room for them would be 240 MB a level.
  const lists = Buffer.concat([Buffer.from([0x19]), ...Array(20).fill(Buffer.from([0xf9, 0x80, 0xa7, 0xa6, 0x0e]))])
  assert.throws(() => structEnd(lists, 0), RangeError)
  // A list of empty structures, a byte each, becomes an object for each.
  const empty = Buffer.concat([Buffer.from([0x19, 0xfc, 0xe8, 0x07]), Buffer.alloc(1001)])
  assert.throws(() => structEnd(empty, 0), /more structures than bytes/)
})

test('a page whose bytes do not have the checksum of its header is refused; one without a checksum is read', () => {
  const page = dataPage(zstd(word), 1, 'PLAIN', 6)
  const withCrc = (crc: number) => chunk({ ...page, header: { ...page.header, crc } })
  assert.deepEqual(rowsOf(columnOf(withCrc(crc32(page.bytes) | 0), 1), 1), ['hi'])
  assert.throws(() => columnOf(withCrc((crc32(page.bytes) | 0) + 1), 1).next(), /checksum/)
  assert.deepEqual(rowsOf(columnOf(chunk(page), 1), 1), ['hi'])
})

test('where the values of a dictionary begin counts as held', () => {
  const element = leaf('byte', 'FIXED_LEN_BYTE_ARRAY', { type_length: 1, repetition_type: 'REQUIRED' })
  const size = 30 * 1024 * 1024
  const memory = new PageMemory()
  const column = () => columnOf(chunk(dictionaryPage(zstd(new Uint8Array(size)), size, size)), 1, element, memory)
  assert.throws(() => column().next(), /fewer rows/)
  assert.throws(
    () => column().next(),
    (error: unknown) => error instanceof LoadError && error.problem.code === 'parquet-row-group-too-large',
  )
})

test('a page is let go with the next one', () => {
  const size = 30 * 1024 * 1024
  const page = dataPage(zstd(new Uint8Array(size)), 1, 'PLAIN', size)
  assert.deepEqual(rowsOf(columnOf(chunk(...Array.from({ length: 10 }, () => page)), 10), 10), Array(10).fill(''))
})

test('numbers of more than 24 bits: some writers pack indices in as many as they hold them in', () => {
  const runs = (bytes: number[], width: number) => new RunLengths(Buffer.from(bytes), 0, bytes.length, width)
  const take = (from: RunLengths, n: number) => Array.from({ length: n }, () => from.next())
  const thirtyTwo = Buffer.alloc(33)
  thirtyTwo[0] = 3
  const numbers = [0, 1, 70_000, 2 ** 31, 2 ** 32 - 1, 5, 6, 7]
  for (const [i, n] of numbers.entries()) thirtyTwo.writeUInt32LE(n, 1 + i * 4)
  assert.deepEqual(take(runs([...thirtyTwo, 4, 1, 0, 0, 0x80], 32), 10), [...numbers, 2 ** 31 + 1, 2 ** 31 + 1])
  // The same numbers in 24 bits, the widest of the fast way, in 25 and 31 of the slow one, and twice, so that a run follows.
  for (const width of [23, 24, 25, 31]) {
    const values = [1, 0, 2 ** width - 1, 2 ** (width - 1), 3, 2 ** 22, 7, 2 ** width - 2]
    let bits = 0n
    for (const [i, value] of values.entries()) bits |= BigInt(value) << BigInt(i * width)
    const packed = Array.from({ length: width }, (_, i) => Number((bits >> BigInt(8 * i)) & 255n))
    assert.deepEqual(take(runs([3, ...packed, 3, ...packed], width), 16), [...values, ...values], `${width} bits`)
  }
  assert.throws(() => runs([3], 33), /not where they should be/)
})

test('a value that shares the beginning of the one before it does not copy it', () => {
  // Three numbers as deltas of a byte each: the first, then two differences less the least of them.
  const deltas = (first: number, least: number, ...differences: [number, number]): Buffer =>
    Buffer.concat([Buffer.from([0x80, 1, 1, 3, 2 * first, least < 0 ? -2 * least - 1 : 2 * least, 8, ...differences]), Buffer.alloc(126)])
  const page = Buffer.concat([deltas(0, 0, 5, 3), deltas(5, -5, 0, 7), Buffer.from('helloab')])
  const values = valuesOf('DELTA_BYTE_ARRAY', leaf('word', 'BYTE_ARRAY'), page, () => 3)
  const first = values.next() as Buffer
  assert.equal(first.toString(), 'hello')
  const second = values.next() as Buffer
  assert.equal(second.toString(), 'hello')
  assert.equal(second.buffer, first.buffer)
  assert.throws(() => values.next(), /begins like more/)
})

test('LZ4: what does not inflate to all that was said is damaged, never zeros', () => {
  const from = (...bytes: number[]) => Uint8Array.from(bytes)
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
  const abab = from(0x22, 97, 98, 2, 0, 0x10, 99)
  assert.equal(text(lz4(abab, 9)), 'abababab' + 'c')
  assert.equal(text(lz4(from(0x40, 97, 98, 99, 100), 4)), 'abcd')
  // A match that does not reach into itself, and lengths that go on in further bytes.
  assert.equal(text(lz4(from(0x50, 97, 98, 99, 100, 101, 5, 0, 0x10, 33), 10)), 'abcdeabcd!')
  assert.equal(text(lz4(from(0x1f, 97, 1, 0, 255, 1, 0x10, 98), 1 + 15 + 255 + 1 + 4 + 1)), `${'a'.repeat(276)}b`)
  assert.equal(lz4(from(0), 0).length, 0)
  for (const length of [8, 10]) assert.throws(() => lz4(abab, length), /damaged/, `${length}`)
  for (const bytes of [
    [0x40, 97],
    [0x22, 97, 98, 2],
    [0x22, 97, 98, 3, 0, 0x10, 99],
    [0x22, 97, 98, 0, 0, 0x10, 99],
    [0xf0],
    [0x2f, 97, 98, 2, 0],
  ])
    assert.throws(() => lz4(from(...bytes), 9), /damaged/, String(bytes))
  const framed = from(0, 0, 0, 9, 0, 0, 0, 7, ...abab, 0, 0, 0, 4, 0, 0, 0, 5, 0x40, 97, 98, 99, 100)
  assert.equal(text(hadoopLz4(framed, 13)), 'ababababcabcd')
  assert.equal(text(hadoopLz4(abab, 9)), 'ababababc')
  assert.throws(() => hadoopLz4(framed, 14), /damaged/)
  assert.throws(() => hadoopLz4(framed.subarray(0, 20), 13), /damaged/)
})

test('what a column declares and its values cannot be', () => {
  const read = (element: ReturnType<typeof leaf>, value: unknown, column: Column = text()) => valueReader(element, column, 1000)?.(value)
  const codeOf = (value: unknown) => (value instanceof BadValue ? value.code : value)
  const none = leaf('none', 'INT32', { logical_type: { type: 'NULL' } })
  assert.equal(codeOf(read(none, 1)), 'invalid-format')
  const decimal = (scale: number) => leaf('n', 'BYTE_ARRAY', { logical_type: { type: 'DECIMAL', precision: 9, scale } })
  assert.equal(read(decimal(2), Buffer.from([0x30, 0x39]), numeric()), '123.45')
  for (const scale of [-2, 2 ** 31 - 1]) assert.equal(valueReader(decimal(scale), numeric(), 1000), undefined)
  assert.equal(codeOf(valueReader(decimal(2), numeric(), 1 << 20)!(Buffer.alloc(64 * 1024 + 1, 1))), 'out-of-range')
  assert.equal(typeof valueReader(decimal(2), numeric(), 1 << 20)!(Buffer.alloc(64 * 1024, 1)), 'string')
  const json = leaf('j', 'BYTE_ARRAY', { converted_type: 'JSON' })
  assert.equal(codeOf(read(json, Buffer.from('{"a":{"b":1,"b":2}}'), jsonb())), 'invalid-format')
  assert.deepEqual(read(json, Buffer.from('{"a":{"b":1}}'), jsonb()), { a: { b: 1 } })
  const fixed = leaf('f', 'FIXED_LEN_BYTE_ARRAY', { type_length: 1001 })
  assert.equal(codeOf(read(fixed, Buffer.alloc(1001))), 'row-too-large')
  assert.equal(read(leaf('e', 'BYTE_ARRAY'), Buffer.from('one'), oneOf(['one'])), 'one')
})

test('a page of version 2 is as its header says, or refused', () => {
  const pageV2 = (more: object, bytes: Buffer) =>
    chunk({
      header: {
        type: 'DATA_PAGE_V2',
        uncompressed_page_size: bytes.length,
        compressed_page_size: bytes.length,
        data_page_header_v2: {
          ...{ num_values: 3, num_nulls: 1, num_rows: 3, encoding: 'PLAIN', definition_levels_byte_length: 2 },
          ...{ repetition_levels_byte_length: 0, is_compressed: false, ...more },
        },
      } as never,
      bytes,
    })
  const optional = leaf('word', 'BYTE_ARRAY')
  const bytes = Buffer.concat([Buffer.from([0x03, 0b101]), word, word])
  assert.deepEqual(rowsOf(columnOf(pageV2({}, bytes), 3, optional), 3), ['hi', null, 'hi'])
  for (const lie of [
    { num_rows: 2 },
    { num_values: 4 },
    { repetition_levels_byte_length: 1 },
    { definition_levels_byte_length: 100 },
    { definition_levels_byte_length: -1 },
    { definition_levels_byte_length: 1 },
    { definition_levels_byte_length: 0 },
    { definition_levels_byte_length: 3 },
    { is_compressed: true },
    { encoding: 'RLE_DICTIONARY' },
    { encoding: 'DELTA_BINARY_PACKED' },
  ])
    assert.throws(() => rowsOf(columnOf(pageV2(lie, bytes), 3, optional), 3), Error, JSON.stringify(lie))
})

test('pages that hold no rows, and ones of another kind, are passed', () => {
  const index = { header: { type: 'INDEX_PAGE', uncompressed_page_size: 3, compressed_page_size: 3 } as never, bytes: Buffer.alloc(3) }
  const page = dataPage(zstd(word), 1, 'PLAIN', 6)
  const empty = dataPage(new Uint8Array(), 0, 'PLAIN', 0)
  assert.deepEqual(rowsOf(columnOf(chunk(index, page, empty, index, page), 2), 2), ['hi', 'hi'])
  const element = leaf('word', 'BYTE_ARRAY', { repetition_type: 'REQUIRED' })
  const reading = { element, meta: { codec: 'ZSTD' as const }, rows: 1, read: valueReader(element, text(), 1000)!, kept: 0 }
  const erased = Buffer.alloc(3 * 1024 * 1024, 0xff)
  assert.throws(() => new ParquetColumn(stored(erased), { ...reading, memory: new PageMemory() }).next(), Error)
})

test('INT96: a day, and the nanoseconds in it', () => {
  const element = leaf('at', 'INT96', { repetition_type: 'REQUIRED' })
  const moment = (julianDay: number, nanoseconds: bigint): Buffer => {
    const bytes = Buffer.alloc(12)
    bytes.writeBigInt64LE(nanoseconds)
    bytes.writeInt32LE(julianDay, 8)
    return bytes
  }
  const hour = 3_600_000_000_000n
  const moments = [
    moment(2_440_588, 0n),
    moment(2_440_587, 23n * hour + 1000n),
    moment(2_460_370, 12n * hour),
    // Nanoseconds beyond their day, and before it.
    moment(2_440_588, 25n * hour),
    moment(2_440_588, -hour),
    moment(2_440_588, 7n),
    moment(2 ** 31 - 1, 0n),
  ]
  const page = zstd(Buffer.concat(moments))
  const rows = rowsOf(columnOf(chunk(dataPage(page, 7, 'PLAIN', 84)), 7, element), 7)
  assert.deepEqual(rows.slice(0, 6), [
    '1970-01-01T00:00:00.000000Z',
    '1969-12-31T23:00:00.000001Z',
    '2024-02-29T12:00:00.000000Z',
    '1970-01-02T01:00:00.000000Z',
    '1969-12-31T23:00:00.000000Z',
    '1970-01-01T00:00:00.000000007Z',
  ])
  assert.ok(rows[6] instanceof BadValue)
})

test('a page goes no further than its column', () => {
  const page = dataPage(zstd(word), 1, 'PLAIN', 6)
  const sized = (more: object) => chunk({ ...page, header: { ...page.header, ...more } })
  const refused = (bytes: Buffer) => assert.throws(() => columnOf(bytes, 1).next(), /not where it should be/)
  refused(sized({ compressed_page_size: page.bytes.length + 1 }))
  refused(sized({ compressed_page_size: -1 }))
  refused(sized({ uncompressed_page_size: -1 }))
  refused(chunk(page).subarray(0, -1))
  assert.throws(() => columnOf(sized({ uncompressed_page_size: 7 }), 1).next(), /has 6 bytes, not 7/)
  assert.throws(() => columnOf(sized({ uncompressed_page_size: 5 }), 1).next(), Error)
})

test('a header may hold the least and the greatest value of its page, of up to 2 MiB', () => {
  const page = dataPage(zstd(word), 1, 'PLAIN', 6)
  const header = chunk({ ...page, bytes: new Uint8Array() })
  const withMore = (bytes: number) =>
    // One more field, 20, a text of so many bytes: 20 and a length of three bytes.
    Buffer.concat([
      header.subarray(0, -1),
      Buffer.from([0x08, 40, 0x80 | (bytes % 128), 0x80 | (Math.floor(bytes / 128) % 128), bytes >> 14]),
      Buffer.alloc(bytes + 1),
      page.bytes,
    ])
  for (const bytes of [100, 500, 5000, 300_000, 2_000_000]) assert.deepEqual(rowsOf(columnOf(withMore(bytes), 1), 1), ['hi'], `${bytes}`)
  assert.throws(() => columnOf(Buffer.concat([withMore(2_097_151), Buffer.alloc(100)]), 1).next(), Error)
})
