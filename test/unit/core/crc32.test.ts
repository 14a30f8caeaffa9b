import assert from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { combineCrc32, crc32, crc32FromBase64, crc32FromHex, crc32ToBase64, crc32ToHex } from '#core/loads/crc32.ts'

const bytes = fc.uint8Array({ maxLength: 300 })

test('crc32 is zlib’s, of bytes of any length and alignment', () => {
  fc.assert(
    fc.property(bytes, fc.nat(20), (data, skip) => {
      assert.equal(crc32(data.subarray(skip)), zlib.crc32(data.subarray(skip)))
    }),
  )
})

test('crc32 goes on from a seed', () => {
  fc.assert(fc.property(bytes, bytes, (a, b) => assert.equal(crc32(b, crc32(a)), zlib.crc32(Buffer.concat([a, b])))))
})

test('combineCrc32 is the CRC32 of both, one after the other', () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 6 }), (pieces) => {
      const combined = pieces.reduce((crc, piece) => combineCrc32(crc, crc32(piece), piece.length), 0)
      assert.equal(combined, zlib.crc32(Buffer.concat(pieces)))
    }),
  )
})

test('combineCrc32 takes lengths beyond 4 GiB: combining in one step and in many gives the same', () => {
  const length = fc.integer({ min: 2 ** 31, max: 2 ** 51 })
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff), length, length, (a, b, c, lengthB, lengthC) => {
      const left = combineCrc32(combineCrc32(a, b, lengthB), c, lengthC)
      const right = combineCrc32(a, combineCrc32(b, c, lengthC), lengthB + lengthC)
      assert.equal(left, right)
    }),
  )
})

test('combineCrc32 of zeros beyond 4 GiB is what doubling them step by step gives', () => {
  // 8 GiB of zeros, as 2^10 bytes doubled 23 times.
  let crc = zlib.crc32(new Uint8Array(1024))
  for (let size = 1024; size < 2 ** 33; size *= 2) crc = combineCrc32(crc, crc, size)
  // Appending 4 GiB + 4 GiB by another grouping.
  let quarter = zlib.crc32(new Uint8Array(4096))
  for (let size = 4096; size < 2 ** 31; size *= 2) quarter = combineCrc32(quarter, quarter, size)
  const three = combineCrc32(quarter, combineCrc32(quarter, quarter, 2 ** 31), 2 ** 32)
  assert.equal(combineCrc32(three, quarter, 2 ** 31), crc)
})

test('hex and base64 are read back; base64 is the four bytes, highest first', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), (crc) => {
      assert.match(crc32ToHex(crc), /^[0-9a-f]{8}$/)
      assert.equal(crc32FromHex(crc32ToHex(crc)), crc)
      assert.equal(crc32FromBase64(crc32ToBase64(crc)), crc)
      const big = Buffer.alloc(4)
      big.writeUInt32BE(crc)
      assert.equal(crc32ToBase64(crc), big.toString('base64'))
    }),
  )
})
