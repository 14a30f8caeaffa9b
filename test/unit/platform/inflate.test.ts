import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, crc32, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { LoadError } from '#core/errors.ts'
import { inflatedText } from '#platform/s3/inflate.ts'
import { SourceChecksum } from '#platform/s3/source.ts'

type Kind = 'gzip' | 'zstd'
const compress = { gzip: (text: Buffer) => gzipSync(text), zstd: (text: Buffer) => zstdCompressSync(text) }
const checked = (text: string): Buffer => zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })
const skippable = (bytes: number): Buffer => Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, bytes, 0, 0, 0]), Buffer.alloc(bytes, 7)])

/** The text, with the object arriving in pieces of so many bytes, and the checksum of what was read. */
async function inflate(kind: Kind, object: Buffer, pieceBytes = 1 << 16): Promise<{ text: Buffer; read: unknown }> {
  const checksum = new SourceChecksum(0)
  const read = async function* (_: string, from: number, to: number) {
    for (let at = from; at < to; at += pieceBytes) yield object.subarray(at, Math.min(at + pieceBytes, to))
  }
  const pieces: Buffer[] = []
  for await (const piece of inflatedText({ read, key: 'k', size: object.length }, kind, checksum)) pieces.push(piece)
  return { text: Buffer.concat(pieces), read: checksum.take() }
}

const codeOf = async (kind: Kind, object: Buffer, pieceBytes?: number): Promise<string> => {
  try {
    await inflate(kind, object, pieceBytes)
    return 'none'
  } catch (error) {
    if (error instanceof LoadError) return error.problem.code
    throw error
  }
}

const part = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b)),
  fc.nat(500_000).map((n) => Buffer.alloc(n, 'a row of text\n')),
)
for (const kind of ['gzip', 'zstd'] as const) {
  test(`${kind}: all members or frames are one text, however the object arrives, and every byte is in the checksum`, () =>
    fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 400 }), async (parts, pieceBytes) => {
        const object = Buffer.concat(parts.map(compress[kind]))
        const { text, read } = await inflate(kind, object, pieceBytes)
        assert.ok(text.equals(Buffer.concat(parts)))
        assert.deepEqual(read, { sourceStart: 0, sourceEnd: object.length, crc32: crc32(object) })
      }),
      { numRuns: 150 },
    ))

  test(`${kind}: cut anywhere, it is truncated; with something behind it, that is said`, async () => {
    const object = Buffer.concat([compress[kind](Buffer.from('first\n'.repeat(50))), compress[kind](Buffer.from('second\n'.repeat(50)))])
    const end = compress[kind](Buffer.from('first\n'.repeat(50))).length
    for (let cut = 1; cut < object.length; cut++)
      if (cut !== end) assert.equal(await codeOf(kind, object.subarray(0, cut)), 'compression-truncated', `cut at ${cut}`)
    for (const pieceBytes of [1, 7, 1 << 16])
      for (const more of ['and then text', '\n{"id":1}\n'])
        assert.equal(await codeOf(kind, Buffer.concat([object, Buffer.from(more)]), pieceBytes), 'compression-trailing-data', more)
  })

  test(`${kind}: a flipped bit never changes the text unseen where there is a checksum`, () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(7), async (place, bit) => {
        const text = Array.from({ length: 200 }, (_, i) => `{"id":${i * 37}}\n`).join('')
        const object = kind === 'gzip' ? gzipSync(text) : checked(text)
        // Behind the header's own fields: gzip does not check the time and the name of its system.
        const at = 10 + (place % (object.length - 10))
        object[at]! ^= 1 << bit
        const code = await codeOf(kind, object)
        // some bits mean nothing
        if (code === 'none') assert.equal((await inflate(kind, object)).text.toString(), text)
        else assert.match(code, /^compression-(corrupt|truncated|trailing-data|unsupported)$/)
      }),
      { numRuns: 300 },
    ))

  test(`${kind}: a bomb is refused`, async () => {
    assert.equal(await codeOf(kind, compress[kind](Buffer.alloc(100 << 20, ' '))), 'inflate-ratio-exceeded')
  })
}

test('zstd: skippable frames anywhere are let go, and counted in the checksum', async () => {
  for (const pieceBytes of [1, 5, 1 << 16]) {
    const object = Buffer.concat([skippable(0), skippable(9), checked('one\n'), skippable(4), checked('two\n'), skippable(200)])
    const { text, read } = await inflate('zstd', object, pieceBytes)
    assert.equal(text.toString(), 'one\ntwo\n')
    assert.deepEqual(read, { sourceStart: 0, sourceEnd: object.length, crc32: crc32(object) })
  }
})

test('zstd: a window that would fill the memory is refused, and says how to compress', async () => {
  const object = zstdCompressSync(Buffer.alloc(300 << 20, 'a'), { params: { [constants.ZSTD_c_windowLog]: 29 } })
  await assert.rejects(inflate('zstd', object), { message: /--long=27/ })
})
