import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askDatabase } from '#platform/health.ts'

/** What is known of the database, and how often somebody had to look. */
function known(openSince: string | undefined, age: number) {
  const state = { openSince, lookedAt: Date.now() - age, lookingUntil: 0, looks: 0 }
  return state
}

test('what is known of the database and fresh is the answer, and nobody looks', async () => {
  const there = known(undefined, 1000)
  const look = async () => assert.fail('it was looked just now')
  await askDatabase(async () => there, look)(AbortSignal.timeout(3000))
  const away = known('2026-01-01T00:00:00Z', 1000)
  await assert.rejects(askDatabase(async () => away, look)(AbortSignal.timeout(3000)), { name: 'DatabaseAway' })
})

test('what is known and old is looked at again, whatever it was: away or back', async () => {
  for (const [before, now] of [
    [undefined, '2026-01-01T00:00:00Z'],
    ['2026-01-01T00:00:00Z', undefined],
  ]) {
    const state = known(before, 60_000)
    const look = async () => {
      state.looks++
      // The first is another one's turn, and takes a while.
      if (state.looks === 2) Object.assign(state, { openSince: now, lookedAt: Date.now() })
    }
    const asked = askDatabase(async () => state, look)(AbortSignal.timeout(3000))
    await (now ? assert.rejects(asked, { name: 'DatabaseAway' }) : asked)
    assert.equal(state.looks, 2)
  }
})

test('a look that does not end ends with the patience of whoever asks', async () => {
  const state = known(undefined, 60_000)
  await assert.rejects(
    askDatabase(
      async () => state,
      async () => undefined,
    )(AbortSignal.timeout(300)),
    /abort|timeout/i,
  )
})

test('while somebody looks nobody else is sent: what was known to be away is away, and what was there is waited for', async () => {
  const state = { ...known('2026-01-01T00:00:00Z', 60_000), lookingUntil: Date.now() + 10_000 }
  const look = async () => assert.fail('somebody is looking')
  await assert.rejects(askDatabase(async () => state, look)(AbortSignal.timeout(3000)), { name: 'DatabaseAway' })
  Object.assign(state, { openSince: undefined })
  let reads = 0
  const read = async () => (++reads === 1 ? state : { ...state, lookedAt: Date.now(), lookingUntil: 0 })
  await askDatabase(read, look)(AbortSignal.timeout(3000))
  assert.equal(reads, 2)
})
