import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { RequestError } from '#core/errors.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { codeOf } from '../../support/call.ts'
import { exampleLoad, exampleNow } from '../../support/example-load.ts'
import type { MemoryBatches } from '../../support/memory-batches.ts'
import { answered, batchOf, csv, flight, good, problemOf, submit, world } from '../../support/submit.ts'

test('the same key and rows again get the receipt again, and nothing is sent', async () => {
  const w = world()
  const first = answered(await submit(w, `${good}x\n`, { key: 'k' }))
  const again = await submit(w, gzipSync(`${good}x\n`), { key: 'k' })
  assert.equal(again.headers?.['idempotency-replayed'], 'true')
  assert.deepEqual([answered(again).receipt.id, answered(again).rejects], [first.receipt.id, first.rejects])
  assert.equal(w.stream.length, 2)
})

test('without a key the rows are the key, and the answer says it', async () => {
  const w = world()
  const first = await submit(w, good)
  assert.match(first.headers!['idempotency-key']!, /^body-[0-9a-f]{64}$/)
  assert.equal((await submit(w, good)).headers?.['idempotency-replayed'], 'true')
  assert.equal((await submit(w, good, { key: first.headers!['idempotency-key']! })).headers?.['idempotency-replayed'], 'true')
  for (const [other, sent] of [
    [`${good}\n`, {}],
    [good, { tenant: 'other' }],
  ] as const)
    assert.equal((await submit(w, other, sent)).headers?.['idempotency-replayed'], undefined)
  assert.equal(w.loads.size, 3)
})

test('the same key with other rows, or of an upload, is refused', async () => {
  const w = world()
  const { receipt } = answered(await submit(w, good, { key: 'k' }))
  assert.equal(await codeOf(submit(w, flight(3), { key: 'k' })), 'idempotency-key-reused')
  w.loads.set(receipt.id, exampleLoad({ id: receipt.id, fingerprint: batchOf(w).fingerprint }))
  assert.equal(await codeOf(submit(w, good, { key: 'k' })), 'idempotency-key-reused')
})

test('the same bytes read in another way are other rows', async () => {
  const w = world()
  await submit(w, csv, { type: 'text/csv', key: 'k' })
  assert.equal(await codeOf(submit(w, csv, { type: 'text/csv; header=absent', key: 'k' })), 'idempotency-key-reused')
  assert.equal(await codeOf(submit(w, csv, { key: 'k' })), 'idempotency-key-reused')
})

test('the same key twice at the same moment: one is accepted, the other is told to ask again', async () => {
  const w = world()
  const results = await Promise.allSettled([submit(w, good, { key: 'k' }), submit(w, good, { key: 'k' }), submit(w, good, { key: 'k' })])
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results)
    if (result.status === 'rejected') {
      const { problem, retryAfter } = result.reason as RequestError
      assert.deepEqual([problem.code, problem.status, retryAfter], ['batch-in-flight', 409, 2])
    }
  assert.equal(w.stream.length, 1)
  assert.equal((await submit(w, good, { key: 'k' })).headers?.['idempotency-replayed'], 'true')
})

const many = Array.from({ length: 40 }, (_, i) => `{"stream":"s${i % 20}","sequence":${i},"type":"t","at":"2026-01-01T00:00:00Z"}\n`).join(
  '',
)

test('a stream that does not take all: 503, and the same request sends exactly what is missing', async () => {
  const w = world()
  w.refuses = (chunk) => chunk % 3 === 1
  const events = { to: 'events', key: 'k' }
  const { code, status, retryAfter, detail } = await problemOf(submit(w, `${many}x\n`, events))
  assert.deepEqual([code, status, retryAfter], ['stream-unavailable', 503, 2])
  const taken = w.sent.map(({ chunk }) => chunk)
  assert.match(detail, new RegExp(`${taken.length} of ${batchOf(w).planned} records`))
  assert.deepEqual([batchOf(w).state, batchOf(w).sent], ['receiving', taken])
  w.refuses = () => false
  const { receipt } = answered(await submit(w, `${many}x\n`, events))
  assert.equal(receipt.state, 'loading')
  assert.deepEqual(
    w.sent.map(({ chunk }) => chunk).sort((a, b) => a - b),
    Array.from({ length: batchOf(w).planned }, (_, i) => i),
  )
})

test('what goes on after lanes were changed, or on another day: the same records', async () => {
  const sensor = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
  // The last day that a partition is kept for: a day later it is refused.
  const edge = JSON.stringify({ sensor, at: new Date(exampleNow - 30 * 86_400_000).toISOString(), value: 1 })
  for (const [to, body] of [
    ['events', many],
    ['readings', `${edge}\n`],
  ] as const) {
    const whole = world()
    await submit(whole, body, { to, key: 'k' })
    const w = world()
    w.refuses = (chunk) => chunk > 0 || to === 'readings'
    assert.equal(await codeOf(submit(w, body, { to, key: 'k' })), 'stream-unavailable')
    const later = Object.assign(w, { lanes: 3, clock: w.clock + 86_400_000, refuses: () => false })
    const { receipt } = answered(await submit(later, body, { to, key: 'k' }))
    assert.equal(receipt.state, 'loading')
    assert.deepEqual(w.stream, whole.stream)
  }
})

test('a lock is kept while its function may run, and is over when that died', async () => {
  const w = world()
  w.beforeSend = () => Promise.reject(new Error('killed'))
  // Killed, it does not give the lock back either.
  const killed = Object.assign(Object.create(w) as MemoryBatches, { releaseBatch: async () => undefined })
  await assert.rejects(submit(killed, good, { key: 'k', timeLeft: () => 20_000 }), /killed/)
  w.beforeSend = async () => undefined
  w.clock += 20_000
  assert.equal(await codeOf(submit(w, good, { key: 'k' })), 'batch-in-flight')
  w.clock += 6000
  assert.equal((await submit(w, good, { key: 'k' })).status, 202)
  assert.equal(w.stream.length, 1)
})

test('a request that failed before it sent gives its lock back at once', async () => {
  const w = world()
  w.beforeSend = () => Promise.reject(new Error('broken'))
  await assert.rejects(submit(w, good, { key: 'k' }), /broken/)
  w.beforeSend = async () => undefined
  assert.equal((await submit(w, good, { key: 'k' })).status, 202)
})

test('a lock that cannot be given back ends by itself, and the answer says what happened first', async () => {
  const w = world()
  w.refuses = () => true
  const away = Object.assign(Object.create(w) as MemoryBatches, { releaseBatch: () => Promise.reject(new Error('away')) })
  assert.equal(await codeOf(submit(away, good, { key: 'k' })), 'stream-unavailable')
  w.refuses = () => false
  w.clock += 40_000
  assert.equal((await submit(w, good, { key: 'k' })).status, 202)
})

test('clocks that differ: a lock from the future is none, and one that is stolen early costs nothing but records sent twice', async () => {
  const ahead = world()
  ahead.clock += 3_600_000
  ahead.refuses = () => true
  const dead = Object.assign(Object.create(ahead) as MemoryBatches, { releaseBatch: async () => undefined })
  assert.equal(await codeOf(submit(dead, good, { key: 'k' })), 'stream-unavailable')
  ahead.clock -= 3_600_000
  ahead.refuses = () => false
  assert.equal((await submit(ahead, good, { key: 'k' })).status, 202)

  const w = world()
  let second: Promise<unknown> | undefined
  w.beforeSend = async () => {
    if (second) return
    w.clock += 60_000
    second = submit(w, many, { to: 'events', key: 'k' })
    await second
  }
  assert.equal((await submit(w, many, { to: 'events', key: 'k' })).status, 202)
  const half = w.stream.length / 2
  assert.deepEqual(w.stream.slice(0, half), w.stream.slice(half))
})

test('an answer of DynamoDB that was lost does not make a request wait for itself', async () => {
  const w = world()
  const insertLoad = async (load: BatchLoad) => (await w.insertLoad(load)) ?? w.insertLoad(load)
  const lossy = Object.assign(Object.create(w) as MemoryBatches, { insertLoad })
  assert.equal((await submit(lossy, good, { key: 'k' })).status, 202)
})

test('a batch that was begun by another declaration of the dataset is not gone on with', async () => {
  const w = world()
  w.refuses = () => true
  assert.equal(await codeOf(submit(w, good, { key: 'k' })), 'stream-unavailable')
  w.loads.set(batchOf(w).id, { ...batchOf(w), uploadedCrc32: 'ffffffff' })
  assert.equal(await codeOf(submit(w, good, { key: 'k' })), 'idempotency-key-reused')
})

test('a consumer that is faster than the door: the receipt is of a load that is over', async () => {
  const w = world()
  w.beforeSend = async () => void w.loads.set(batchOf(w).id, { ...batchOf(w), state: 'complete', committed: 1, received: 2, loaded: 2 })
  const answer = await submit(w, good)
  assert.deepEqual([answer.status, answered(answer).receipt.state], [200, 'complete'])
})

test('wait=true holds the answer until the load is over, 25 s at most, and within the time that is left', async () => {
  const w = world()
  const end = w.clock + 10_000
  w.onLook = () => {
    if (w.clock >= end) w.loads.set(batchOf(w).id, { ...batchOf(w), state: 'complete', committed: 1, received: 2, loaded: 2 })
  }
  const over = await submit(w, good, { wait: true })
  assert.deepEqual([over.status, answered(over).receipt.rows.loaded], [200, 2])

  const never = world()
  const still = await submit(never, good, { wait: true })
  assert.deepEqual([still.status, never.clock > exampleNow + 24_000, never.clock <= exampleNow + 25_000], [202, true, true])

  const hurried = world()
  await submit(hurried, good, { wait: true, timeLeft: () => exampleNow + 8000 - hurried.clock })
  assert.ok(hurried.clock > exampleNow + 4500 && hurried.clock <= exampleNow + 5500, `${hurried.clock - exampleNow}`)
})
