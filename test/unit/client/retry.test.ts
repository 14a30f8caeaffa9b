import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RefusedError, UnavailableError } from '../../../client/src/errors.ts'
import { defaultRetry, retryAfterMs, retrying, systemClock, waitAfter } from '../../../client/src/retry.ts'

const unit = fc.double({ min: 0, max: 0.999_999, noNaN: true })
const policy = { attempts: 5, elapsedMs: 10_000, baseMs: 100, capMs: 1000 }

test('waits grow exponentially, are fully jittered, and are capped', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), unit, (failures, random) => {
      const wait = waitAfter(failures, undefined, policy, () => random)
      assert.ok(wait >= 0 && wait <= Math.min(policy.capMs, policy.baseMs * 2 ** (failures - 1)))
    }),
  )
  assert.equal(
    waitAfter(3, undefined, policy, () => 0),
    0,
  )
  assert.equal(
    waitAfter(3, undefined, policy, () => 0.5),
    200,
  )
})

test('a wait is never shorter than Retry-After', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(1e6), unit, (failures, told, random) => {
      assert.ok(waitAfter(failures, told, defaultRetry, () => random) >= told)
    }),
  )
})

test('Retry-After is read as seconds or as a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  assert.equal(retryAfterMs('7', now), 7000)
  assert.equal(retryAfterMs(' 0 ', now), 0)
  assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000)
  assert.equal(retryAfterMs('Thu, 01 Jan 2015 00:00:30 GMT', now), 0)
  for (const unreadable of [null, '', '-1', 'soon', '1.5s']) assert.equal(retryAfterMs(unreadable, now), undefined)
})

/** A clock that sleeping moves on. */
function fakeClock() {
  let now = 0
  const sleep = async (ms: number) => {
    now += ms
  }
  return { now: () => now, random: () => 0.5, sleep }
}
async function attemptsOf(error: Error): Promise<number> {
  let attempts = 0
  const attempt = async () => {
    attempts++
    throw error
  }
  await assert.rejects(retrying(attempt, { policy, clock: fakeClock(), signal: undefined }), error)
  return attempts
}

test('tries are bounded in count', async () => {
  assert.equal(await attemptsOf(new UnavailableError('away', {})), 5)
})
test('tries are bounded in time', async () => {
  assert.equal(await attemptsOf(new UnavailableError('away', { retryAfterMs: 4000 })), 3)
})
test('throttling and timeouts are tried again, other refusals and bugs are not', async () => {
  for (const status of [408, 425, 429]) assert.equal(await attemptsOf(new RefusedError('no', { status })), 5)
  for (const status of [400, 401, 403, 404, 409, 410, 422]) assert.equal(await attemptsOf(new RefusedError('no', { status })), 1)
  assert.equal(await attemptsOf(new TypeError('a bug')), 1)
})
test('an abort ends a wait at once, with its own reason', async () => {
  const stop = new AbortController()
  const attempt = async () => {
    setImmediate(() => stop.abort(new Error('enough')))
    throw new UnavailableError('away', { retryAfterMs: 3_600_000 })
  }
  const patient = { ...policy, elapsedMs: 1e9 }
  await assert.rejects(retrying(attempt, { policy: patient, clock: systemClock, signal: stop.signal }), /^Error: enough$/)
})
