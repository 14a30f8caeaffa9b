import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { batchLimits } from '#core/batches/batch-form.ts'
import { type BatchLimits, type Cut, createBatcher, longestLine, mostBatchBytes } from '../../../client/src/batcher.ts'
import { gzip } from '../../../client/src/compress.ts'
import { createRowCounter } from '../../../client/src/rows.ts'
import { zstd } from '../../../client/src/zstd.ts'
import { flights } from '../../../datasets/flights.ts'

/** Cuts a text that arrives in pieces of these sizes, over and over. */
function cuts(text: Buffer, limits: BatchLimits, sizes: readonly number[]): Cut[] {
  const batcher = createBatcher(limits)
  const all: Cut[] = []
  for (let at = 0, i = 0; at < text.length; i++) {
    const to = at + sizes[i % sizes.length]!
    all.push(...batcher.push(text.subarray(at, to)))
    at = to
  }
  const rest = batcher.take(true)
  return rest ? [...all, rest] : all
}
function rowsOf(text: Uint8Array): number {
  const counter = createRowCounter()
  counter.push(text)
  return counter.rows()
}
const anyLine = fc.oneof(
  { weight: 6, arbitrary: fc.integer().map((id) => Buffer.from(`{"id":${id}}`)) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\t', '\r', '\ufeff', '  \r').map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes.filter((b) => b !== 10))) },
)
const anyText = fc
  .tuple(fc.array(anyLine, { maxLength: 60 }), fc.boolean())
  .map(([lines, ended]) => Buffer.concat(lines.flatMap((line, i) => (ended || i < lines.length - 1 ? [line, Buffer.from('\n')] : [line]))))
const anyLimits = fc.record({ rows: fc.integer({ min: 1, max: 12 }), bytes: fc.integer({ min: 1, max: 200 }) })
const anySizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 })

test('every byte is in one batch, in order and as it came; places, sums and counts are those of the bytes', () => {
  fc.assert(
    fc.property(anyText, anyLimits, anySizes, (text, limits, sizes) => {
      const made = cuts(text, limits, sizes)
      assert.deepEqual(Buffer.concat(made.map(({ body }) => body)), text)
      let at = 0
      for (const { body, start, end, crc32: crc, rows, lines } of made) {
        assert.deepEqual([start, end - start], [at, body.length])
        assert.equal(crc, crc32(body))
        assert.equal(rows, rowsOf(body))
        const ends = Buffer.from(body).toString('latin1').split('\n')
        assert.equal(lines, ends.length - (ends.at(-1) === '' ? 1 : 0))
        assert.ok(rows <= limits.rows)
        assert.ok(body.length <= limits.bytes || lines === 1)
        at = end
      }
      for (const cut of made.slice(0, -1)) assert.equal(cut.body.at(-1), 10)
      const lastLine = text.lastIndexOf(10) + 1
      const unended = made.at(-1)?.unended
      assert.equal(unended?.start, lastLine < text.length ? lastLine : undefined)
      if (unended) assert.equal(unended.crc32, crc32(text.subarray(made.at(-1)!.start, lastLine)))
    }),
    { numRuns: 2000 },
  )
})

test('where batches end does not depend on the pieces', () => {
  fc.assert(
    fc.property(anyText, anyLimits, anySizes, anySizes, (text, limits, some, others) => {
      assert.deepEqual(cuts(text, limits, some), cuts(text, limits, others))
    }),
    { numRuns: 1000 },
  )
})

test('what is taken early are whole lines, and the begun one goes on in the next batch', () => {
  const batcher = createBatcher({ rows: 10, bytes: 1000 }, 500)
  assert.deepEqual([...batcher.push(Buffer.from('{"id":1}\n{"id'))], [])
  assert.equal(batcher.rows(), 1)
  const first = batcher.take(false)!
  assert.deepEqual([Buffer.from(first.body).toString(), first.start, first.end], ['{"id":1}\n', 500, 509])
  assert.equal(batcher.take(false), undefined)
  assert.deepEqual([...batcher.push(Buffer.from('":2}\n'))], [])
  const second = batcher.take(false)!
  assert.deepEqual([Buffer.from(second.body).toString(), second.start, second.end], ['{"id":2}\n', 509, 518])
  assert.equal(second.crc32, crc32(second.body))
})

test('the largest batch, however it is compressed and even when nothing can be, fits into a request; so does the longest line', async () => {
  const noise = new Uint8Array(randomBytes(mostBatchBytes))
  for (const { name, compress } of [gzip, zstd]) {
    const { length } = await compress(noise)
    assert.ok(length > mostBatchBytes && length < batchLimits.received, `${length} bytes by ${name}`)
  }
  assert.ok(longestLine < mostBatchBytes)
  assert.ok(longestLine > flights.limits.rowBytes)
})

test('of a line that no server takes, so much is sent that it is refused as too large, and its neighbours go on', () => {
  const limits = { rows: 100, bytes: 4 * 1024 * 1024 }
  const giant = Buffer.alloc(5_000_000, 'x')
  const text = Buffer.concat([Buffer.from('{"id":1}\n'), giant, Buffer.from('\n{"id":2}\n')])
  const made = cuts(text, limits, [65_536])
  const sent = Buffer.concat(made.map(({ body }) => body))
  assert.deepEqual(sent, Buffer.concat([Buffer.from('{"id":1}\n'), giant.subarray(0, longestLine), Buffer.from('\n{"id":2}\n')]))
  assert.deepEqual([made.at(-1)!.end, made.reduce((sum, { rows }) => sum + rows, 0)], [text.length, 3])
  assert.equal(made[0]!.crc32, crc32(text.subarray(made[0]!.start, made[0]!.end)), 'the sum is of the stream, not of what is sent')
})

test('a line of nothing but spaces is no row however long, and is one when something follows them', () => {
  const limits = { rows: 100, bytes: 4 * 1024 * 1024 }
  const spaces = Buffer.alloc(3_000_000, ' ')
  const blank = cuts(Buffer.concat([spaces, Buffer.from('\n')]), limits, [65_536])
  assert.deepEqual([blank.length, blank[0]!.rows], [1, 0])
  const [row] = cuts(Buffer.concat([spaces, Buffer.from('1\n')]), limits, [65_536])
  assert.deepEqual([row!.rows, row!.body.length, row!.body.at(-2)], [1, longestLine + 2, 49])
})
