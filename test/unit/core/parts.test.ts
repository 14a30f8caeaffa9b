import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maxParts, planParts, sizeOfPart } from '#core/loads/parts.ts'

const mebibyte = 1024 * 1024
const size = fc.oneof(fc.integer({ min: 1, max: 50e12 }), fc.integer({ min: 1, max: 200 * mebibyte }))

test('a plan is one that S3 takes: at most 10,000 parts, of 5 MiB to 5 GiB but for the last', () => {
  fc.assert(
    fc.property(size, (bytes) => {
      const plan = planParts(bytes)
      assert.ok(plan.partCount >= 1 && plan.partCount <= maxParts)
      assert.ok(plan.partSize >= 5 * mebibyte && plan.partSize <= 5 * 1024 * mebibyte)
      assert.equal(plan.partSize % mebibyte, 0)
    }),
  )
})

test('the parts make the whole object, and none is empty', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3e12 }), (bytes) => {
      const plan = planParts(bytes)
      const last = sizeOfPart(plan, plan.partCount)
      assert.ok(last > 0 && last <= plan.partSize)
      assert.equal((plan.partCount - 1) * plan.partSize + last, bytes)
      if (plan.partCount > 1) assert.equal(sizeOfPart(plan, 1), plan.partSize)
    }),
  )
})

test('parts are 8 MiB until that would be more than 10,000', () => {
  assert.deepEqual(planParts(8 * mebibyte), { size: 8 * mebibyte, partSize: 8 * mebibyte, partCount: 1 })
  assert.deepEqual(planParts(8 * mebibyte + 1), { size: 8 * mebibyte + 1, partSize: 8 * mebibyte, partCount: 2 })
  assert.equal(planParts(80_000 * mebibyte).partSize, 8 * mebibyte)
  assert.equal(planParts(80_000 * mebibyte + 1).partSize, 9 * mebibyte)
})
