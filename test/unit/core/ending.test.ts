import assert from 'node:assert/strict'
import { test } from 'node:test'
import { combineCrc32, crc32, crc32ToHex } from '#core/loads/crc32.ts'
import { endingOf } from '#core/loads/ending.ts'
import { exampleBatch, exampleChunk } from '../../support/example-load.ts'

const texts = ['one\n', 'two\n'].map((text) => Buffer.from(text))
const uploadedCrc32 = crc32ToHex(combineCrc32(crc32(texts[0]!), crc32(texts[1]!), texts[1]!.length))

/** The end of two chunks of which the second begins at `second`. */
function ending(second: number, expectedRows = 20) {
  const load = exampleBatch({ planned: 2, committed: 2, size: second + 4, uploadedCrc32, expectedRows })
  async function* chunks() {
    yield exampleChunk(0, { sourceStart: 0, sourceEnd: 4, crc32: crc32(texts[0]!) })
    yield exampleChunk(1, { sourceStart: second, sourceEnd: second + 4, crc32: crc32(texts[1]!), last: true })
  }
  return endingOf(load, chunks())
}

test('chunks that follow each other, with the rows that were counted, complete a load', async () => {
  const { state, loadedCrc32 } = await ending(4)
  assert.deepEqual([state, loadedCrc32], ['complete', uploadedCrc32])
})

test('a gap between two chunks is seen, whatever their checksums', async () => {
  const { state, problem } = await ending(6)
  assert.deepEqual([state, problem?.code], ['failed', 'checksum-mismatch'])
  assert.match(problem!.detail, /gap at 4/)
})

test('another number of rows than was counted fails a load', async () => {
  const { state, problem } = await ending(4, 21)
  assert.deepEqual([state, problem?.code], ['failed', 'row-count-mismatch'])
})
