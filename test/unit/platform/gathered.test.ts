import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gathered } from '#platform/postgres/gathered.ts'

test('pieces of any size come out whole and in order, in few writes, though each is overwritten as soon as it was taken', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 200_000 })), { maxLength: 60 }),
      async (sizes) => {
        const written: Buffer[] = []
        const rows = gathered(async (bytes) => void written.push(Buffer.from(bytes)))
        const expected: Buffer[] = []
        for (const [i, size] of sizes.entries()) {
          const piece = Buffer.alloc(size, i + 1)
          expected.push(Buffer.from(piece))
          await rows.write(piece)
          piece.fill(0)
        }
        await rows.flush()
        await rows.flush()
        assert.ok(Buffer.concat(written).equals(Buffer.concat(expected)))
        const total = sizes.reduce((sum, size) => sum + size, 0)
        assert.ok(written.length <= 2 * Math.ceil(total / 65_536) + 1, `${written.length} writes for ${total} bytes`)
        assert.ok(written.every(({ length }) => length > 0))
      },
    ),
    { numRuns: 200 },
  )
})
