import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLags } from '../../../client/src/cli/lags.ts'

test('quantiles of any times are right to a few percent', () => {
  const times = fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(times, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (all, share) => {
      const lags = createLags()
      for (const ms of all) lags.add(ms)
      const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * all.length)) - 1]!
      const told = lags.quantile(share)!
      assert.ok(Math.abs(told - exact) <= exact * 0.026 + 0.5, `${told} instead of ${exact}`)
      assert.equal(lags.count(), all.length)
    }),
  )
})

test('there is no quantile of nothing, and no time is shorter than a millisecond', () => {
  const lags = createLags()
  assert.equal(lags.quantile(0.5), undefined)
  lags.add(0)
  lags.add(-5)
  assert.equal(lags.quantile(0.5), 1)
})
