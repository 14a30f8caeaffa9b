import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressionIn, declaring } from '#core/batches/batch-form.ts'
import { doublePrecision, integer, numeric, real, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { BadValue, valueReader } from '#core/parquet/values.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { readRows } from '#core/reading/read-rows.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { magicBytes, settleCompression, settleFormat } from '#core/rows/sniff.ts'
import { ZstdFrames } from '#core/rows/zstd-frames.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import type { Refusal } from '#core/values/reject.ts'
import { readRowBytes } from '#platform/request.ts'
import { feed } from '../../../functions/load-chunk/text.ts'

const words = dataset('words', { description: 'a test', columns: { word: text() }, primaryKey: ['word'], onConflict: 'ignore' })

function settled(
  head: string | Buffer,
  compression: 'none' | 'gzip' | 'zstd' = 'none',
  format: 'auto' | 'ndjson' | 'json' | 'csv' = 'auto',
) {
  try {
    return settleFormat({ format }, compression, Buffer.from(head))
  } catch (error) {
    assert.ok(error instanceof LoadError)
    return error.problem.code
  }
}

test('compressed twice, whatever is inside what', () => {
  for (const inner of [gzipSync('{"a":1}'), zstdCompressSync('{"a":1}')])
    for (const outer of ['gzip', 'zstd'] as const) assert.equal(settled(inner, outer), 'compressed-twice')
})

test('compressed data that was made text of on its way, whatever was said of it', () => {
  const asText = (bytes: Buffer) => Buffer.from(bytes.toString('utf8'))
  // As the door has it: U+FFFD is a byte again that no UTF-8 has.
  const asBody = (bytes: Buffer) => readRowBytes({ body: bytes.toString('utf8'), isBase64Encoded: false }, 1000)
  for (const [kind, bytes] of [
    ['gzip', gzipSync('{"a":1}')],
    ['zstd', zstdCompressSync('{"a":1}')],
  ] as const)
    for (const head of [asText(bytes), asBody(bytes)]) {
      const named = { name: 'LoadError', message: new RegExp(`The file is ${kind} data that was made text of`) }
      assert.throws(() => settleFormat({ format: 'auto' }, 'none', head), named)
      assert.throws(() => settleCompression({ format: 'auto', compression: kind }, head.subarray(0, magicBytes)), named)
      assert.throws(() => compressionIn(head, kind), named)
    }
})

test('record separators before each value are named', () => {
  for (const format of ['auto', 'ndjson', 'json', 'csv'] as const)
    assert.equal(settled('\x1e{"a":1}\n', 'none', format), 'format-unsupported')
})

test('a batch in another format than its type says: the answer names the type that is right', () => {
  const batch = (format: 'ndjson' | 'json', head: string) => () => settleFormat({ format }, 'none', Buffer.from(head), declaring)
  assert.throws(batch('json', '{"a":1}\n{"a":2}\n'), /begins like NDJSON.*Content-Type application\/x-ndjson/)
  assert.throws(batch('ndjson', '[{"a":1}]'), /begins like a JSON array.*Content-Type application\/json/)
})

test('an array behind the array, with a byte order mark between them or without', async () => {
  for (const between of ['', '\n', '\ufeff', '\n\ufeff ']) {
    const { boundaries, reader } = rowFormatOf({ format: 'json' })
    const splitter = new RowSplitter({ boundaries: boundaries(0), rowBytes: 1000, offset: 0, skipToNewline: false, ranged: false })
    const whole = Buffer.from(`[{"word":"a"}]${between}[{"word":"b"}]`)
    splitter.push(whole)
    const sink = { write: async () => undefined, refuse: () => undefined, flush: async () => undefined }
    const rows = reader(words, { day: new Date(0), lead: false }, Buffer.alloc(0))
    await assert.rejects(
      readRows({ splitter, more: async () => false }, whole.length, rows, sink, 0),
      /there is another array behind the end/,
    )
  }
})

test('UTF-32 by name, with its mark and without', () => {
  const wide = (s: string, big: boolean) =>
    Buffer.concat([...s].map((c) => (big ? Buffer.from([0, 0, 0, c.charCodeAt(0)]) : Buffer.from([c.charCodeAt(0), 0, 0, 0]))))
  for (const big of [true, false]) {
    assert.equal(settled(wide('id,t', big)), 'format-unsupported')
    assert.equal(
      settled(Buffer.concat([Buffer.from(big ? [0, 0, 0xfe, 0xff] : [0xff, 0xfe, 0, 0]), wide('id,t', big)])),
      'format-unsupported',
    )
  }
})

test('objects over several lines are one message; a bad first row costs no neighbour', () => {
  for (const head of [
    '{\n  "id": 1\n}\n{\n  "id": 2\n}\n',
    '{\n "rows": [\n {"id": 1}\n]}',
    '{ "a": {\n  "b": 1 } }\n',
    '\n{"rows": [\n1]}',
  ])
    for (const format of ['auto', 'ndjson'] as const) assert.equal(settled(head, 'none', format), 'json-over-lines', head)
  for (const head of ['{"id":1}\n{"id":2}\n', '{"id":1,\n{"id":2}\n', '{"id":"a\n{"id":2}\n', '{oops\n{"id":2}\n', '{', '{"id":1,'])
    assert.equal(settled(head), 'ndjson', head)
})

test('a byte order mark inside a file is refused by name in every format, and never stored', async () => {
  const texts = { ndjson: ['\ufeff{"word":"a"}\n', '\ufeff{"word":"b"}\n'], csv: ['\ufeffa\n', '\ufeffb\n'] } as const
  for (const format of ['ndjson', 'csv'] as const) {
    const { boundaries, reader } = rowFormatOf({ format, csv: { ...standardCsv, header: false } })
    const whole = Buffer.from(`${texts[format].join('')}${format === 'csv' ? 'c\n' : '{"word":"c"}\n'}`)
    const splitter = new RowSplitter({ boundaries: boundaries(0), rowBytes: 1000, offset: 0, skipToNewline: false, ranged: false })
    const pieces = [whole].values()
    const text = feed(splitter, { next: async () => pieces.next() } as AsyncIterator<Buffer>)
    const refused: string[] = []
    const sent: Buffer[] = []
    const sink = {
      write: async (bytes: Uint8Array) => void sent.push(Buffer.from(bytes)),
      refuse: ({ code }: Refusal, { line }: { line: number }) => void refused.push(`${line} ${code}`),
      flush: async () => undefined,
    }
    const read = await readRows(text, whole.length, reader(words, { day: new Date(0), lead: false }, Buffer.alloc(0)), sink, 0)
    assert.deepEqual([read.received, read.encoded, refused], [3, 2, ['2 byte-order-mark']], format)
    assert.ok(!Buffer.concat(sent).includes('\ufeff'))
  }
})

test('what is said of a row has no line of its own', () => {
  const { encode } = rowFormatOf({ format: 'ndjson' }).reader(words, { day: new Date(0), lead: false }, Buffer.alloc(0))
  const refusal = encode(Buffer.from('{"word": x}'), 7, 0, new CopyWriter())
  assert.equal(refusal?.code, 'invalid-json')
  assert.doesNotMatch(refusal!.message, /line \d/)
})

test('DECIMAL in a column that would not keep it: the message has what the file has, and what takes it', () => {
  const element = { name: 'd', type: 'INT64', logical_type: { type: 'DECIMAL', precision: 12, scale: 2 } } as const
  for (const column of [doublePrecision(), real(), integer()]) {
    const bad = valueReader(element, column, 1000)!(1250n)
    assert.ok(bad instanceof BadValue)
    assert.deepEqual([bad.code, bad.shown], ['wrong-type', '12.50'])
    assert.match(bad.message, /the file has DECIMAL\(12,2\).*numeric\(\{ precision: 12, scale: 2 \}\) takes it/)
  }
  assert.equal(valueReader(element, numeric(), 1000)!(1250n), '12.50')
})

test('a zstd file of nothing but skippable frames', () => {
  const frames = new ZstdFrames()
  frames.push(Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0]))
  assert.throws(() => frames.finish(), /skippable frames only/)
})
