import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { ndjsonBoundaries } from '#core/rows/ndjson.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { readContent } from '../../../client/src/content.ts'
import { contentKey, nextKey } from '../../../client/src/keys.ts'
import { createRowCounter } from '../../../client/src/rows.ts'
import { blobSource } from '../../../client/src/source.ts'

const mebibyte = 1024 * 1024
/** As simple as it can be said: lines with something in them but spaces, tabs and carriage returns, after a byte order mark. */
function rowsBySplitting(bytes: Buffer): number {
  const start = bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0
  return bytes
    .subarray(start)
    .toString('latin1')
    .split('\n')
    .filter((line) => /[^ \t\r]/.test(line)).length
}
/** As the server does it. */
function rowsByServer(bytes: Buffer): number {
  const splitter = new RowSplitter({ boundaries: ndjsonBoundaries, rowBytes: mebibyte, offset: 0, skipToNewline: false, ranged: true })
  let rows = 0
  splitter.push(bytes)
  splitter.rows(bytes.length, true, () => rows++)
  return rows
}
const piece = fc.constantFrom('\n', '\r\n', ' ', '\t', '\r', '{"a":1}', 'é', '\u00a0', '\ufeff', '\u0000', 'x')
const halfMark = fc.constantFrom([], [0xef], [0xef, 0xbb], [0xef, 0xbb, 0xbf], [0xef, 0xbb, 0xbf, 0xef, 0xbb])

test('rows are counted as the server counts them, however the bytes arrive', () => {
  fc.assert(
    fc.property(halfMark, fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (mark, pieces, size) => {
      const bytes = Buffer.concat([Buffer.from(mark), Buffer.from(pieces.join(''))])
      const counter = createRowCounter()
      for (let at = 0; at < bytes.length; at += size) counter.push(bytes.subarray(at, at + size))
      assert.equal(counter.rows(), rowsBySplitting(bytes))
      assert.equal(counter.rows(), rowsByServer(bytes))
    }),
    { numRuns: 2000 },
  )
})

test('checksums of parts and of the whole are those of the bytes, for part sizes of whole MiB and any others', async () => {
  const bytes = Buffer.from(Array.from({ length: 20 * mebibyte + 77 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))
  const content = await readContent(blobSource(new Blob([bytes])), { countRows: false })
  assert.equal(content.crc32, crc32(bytes))
  assert.equal(content.rows, undefined)
  for (const partSize of [mebibyte, 8 * mebibyte, 64 * mebibyte, 5_000_001]) {
    const expected: number[] = []
    for (let at = 0; at < bytes.length; at += partSize) expected.push(crc32(bytes.subarray(at, at + partSize)))
    assert.deepEqual(await content.partCrcs(partSize), expected)
  }
})

test('one changed byte anywhere makes another digest', async () => {
  const bytes = Buffer.alloc(17 * mebibyte, 'a')
  const digests = new Set<string>()
  for (const at of [-1, 0, 8 * mebibyte - 1, 8 * mebibyte, 17 * mebibyte - 1]) {
    const copy = Buffer.from(bytes)
    if (at >= 0) copy[at] = 98
    digests.add((await readContent(blobSource(new Blob([copy])), { countRows: true })).digest)
  }
  assert.equal(digests.size, 5)
})

test('an empty file has no parts and no rows', async () => {
  const content = await readContent(blobSource(new Blob([])), { countRows: true })
  assert.deepEqual([content.crc32, content.rows, await content.partCrcs(mebibyte)], [0, 0, []])
})

test('a source that changes while it is read is found out', async () => {
  const source = blobSource(new Blob(['{"id":1}\n']))
  let version = 0
  await assert.rejects(readContent({ ...source, version: async () => `${version++}` }, { countRows: true }), { fault: 'file-changed' })
})

test('a read that fails while the block before it is hashed rejects once, and nothing goes unhandled', async () => {
  const source = blobSource(new Blob([Buffer.alloc(20 * mebibyte)]))
  const read = async (start: number, end: number) => {
    if (start > 0) throw new Error('the disk is gone')
    return source.read(start, end)
  }
  await assert.rejects(readContent({ ...source, read }, { countRows: true }), /the disk is gone/)
})

test('the key is that of the bytes and of how they are loaded, and of nothing else; keys of a chain differ', async () => {
  const content = await readContent(blobSource(new Blob(['{"id":1}\n'])), { countRows: true })
  const body = { fileName: 'a', size: 9, format: 'ndjson', compression: 'none', expectedRows: 1 } as const
  const key = await contentKey('flights', body, content)
  assert.match(key, /^[0-9a-f]{64}$/)
  assert.equal(await contentKey('flights', { ...body, fileName: 'b' }, content), key)
  const others = [
    await contentKey('events', body, content),
    await contentKey('flights', { ...body, format: 'csv' }, content),
    await contentKey('flights', { ...body, compression: 'gzip' }, content),
    await contentKey('flights', { ...body, expectedRows: 2 }, content),
    await contentKey('flights', body, { ...content, digest: 'f'.repeat(64) }),
    await nextKey(key, 'ld_1'),
    await nextKey(key, 'ld_2'),
    await nextKey(await nextKey(key, 'ld_1'), 'ld_2'),
  ]
  assert.equal(new Set([key, ...others]).size, 9)
  assert.equal(await nextKey(key, 'ld_1'), await nextKey(key, 'ld_1'))
})
