import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { batchAnswer } from '#core/answers.ts'
import { bigint, text } from '#core/column.ts'
import { dataset } from '#core/dataset.ts'
import { RequestError } from '#core/errors.ts'
import type { BatchLoad } from '#core/load.ts'
import * as routes from '#core/routes/batches.ts'
import { createSubmitBatch } from '../../../functions/submit-batch/submit-batch.ts'
import { acme, callOf, codeOf } from '../../support/call.ts'
import { exampleLoad, exampleNow } from '../../support/example-load.ts'
import { MemoryBatches } from '../../support/memory-batches.ts'

interface Sent {
  readonly type?: string | undefined
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly to?: string
  readonly wait?: boolean
  readonly timeLeft?: () => number
  readonly tenant?: string
  readonly may?: readonly string[]
}

const world = () => new MemoryBatches(exampleNow)

function submit(
  w: MemoryBatches,
  body: string | Buffer,
  { type = 'application/x-ndjson', key, headers, to = 'flights', wait, timeLeft, may, tenant }: Sent = {},
) {
  const more = {
    body: Buffer.from(body),
    query: wait ? { wait: 'true' } : {},
    headers: { 'content-type': type, ...(key !== undefined && { 'idempotency-key': key }), ...headers },
    identity: { tenant: tenant ?? acme.tenant, datasets: may ?? ['*'] },
    ...(timeLeft && { timeLeft }),
  }
  return createSubmitBatch(w)(callOf(routes.submitBatch, { dataset: to }, more))
}
const answered = (answer: { json?: unknown }) => batchAnswer.parse(answer.json)
const problemOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => assert.fail('no problem'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof RequestError, String(error))
  return { ...error.problem, retryAfter: error.retryAfter }
}
const batchOf = (w: MemoryBatches): BatchLoad => [...w.loads.values()][0] as BatchLoad

const flight = (id: unknown) => `{"id":${id},"date":"2001-07-01T12:00:00Z","delay":5,"distance":405,"origin":"MCI","destination":"MDW"}`
const good = `${flight(1)}\n${flight(2)}\n`
const csv = 'id,date,delay,distance,origin,destination\n1,2001-07-01T12:00:00Z,5,405,MCI,MDW\n2,2001-07-01T12:00:00Z,5,405,MCI,MDW\n'

test('a batch is accepted once every record is: the answer is its receipt', async () => {
  const w = world()
  const answer = await submit(w, good, { key: 'k' })
  const { receipt, rejects } = answered(answer)
  assert.deepEqual([answer.status, answer.headers], [202, { location: receipt.links.self, 'idempotency-key': 'k' }])
  assert.deepEqual([receipt.door, receipt.state, receipt.rows.received, receipt.rows.pending, rejects], ['batch', 'loading', 2, 2, []])
  assert.deepEqual(
    w.sent.map(({ chunk, rows, last }) => [chunk, rows, last]),
    [[0, 2, true]],
  )
  const { lock, lockedUntil, sent } = batchOf(w)
  assert.deepEqual([lock, lockedUntil, sent], [undefined, undefined, undefined])
})

test('formats and compressions: the same rows, however they come', async () => {
  const bodies: [string | Buffer, Sent][] = [
    [good, {}],
    [`[${flight(1)},\n${flight(2)}]`, { type: 'application/json; charset=utf-8' }],
    [csv, { type: 'text/csv' }],
    [csv.slice(csv.indexOf('\n') + 1), { type: 'Text/CSV; header=absent' }],
    [gzipSync(good), { type: 'application/gzip', headers: { 'x-millrace-format': 'NDJSON' } }],
    [zstdCompressSync(csv), { type: 'application/zstd', headers: { 'x-millrace-format': 'csv' } }],
    // As an emulator hands on what API Gateway would have inflated.
    [gzipSync(good), { headers: { 'content-encoding': 'gzip' } }],
  ]
  for (const [body, sent] of bodies) {
    const w = world()
    assert.equal(answered(await submit(w, body, sent)).receipt.rows.received, 2)
    assert.deepEqual(
      w.sent.map(({ rows }) => rows),
      [2],
    )
  }
})

test('rows that cannot be loaded are told at once, with their places; the others go on', async () => {
  const w = world()
  const { receipt, rejects } = answered(await submit(w, `${flight(1)}\nnonsense\n${flight('"x"')}\n${flight(2)}`))
  assert.equal(receipt.rows.received, 4)
  assert.deepEqual(
    rejects.map(({ line, column, code, raw }) => [line, column, code, raw]),
    [
      [2, null, 'invalid-json', 'nonsense'],
      [3, 'id', 'invalid-format', flight('"x"')],
    ],
  )
  assert.equal(rejects[1]!.offset, flight(1).length + 10)
  assert.deepEqual(
    w.sent.map(({ rows, refused }) => [rows, refused?.rows]),
    [
      [0, 2],
      [2, undefined],
    ],
  )
  assert.equal(w.refused.get(receipt.id)?.length, 2)
})

test('rejects are stored before anything is sent: when they cannot be, nothing is', async () => {
  const w = world()
  const away = Object.assign(Object.create(w) as MemoryBatches, { storeRefused: () => Promise.reject(new Error('the bucket is away')) })
  await assert.rejects(submit(away, `${good}nonsense\n`, { key: 'k' }), /the bucket is away/)
  assert.deepEqual(w.stream, [])
  assert.equal((await submit(w, `${good}nonsense\n`, { key: 'k' })).status, 202)
})

test('a row over 1 MiB is rejected, and the others go on', async () => {
  const w = world()
  const long = `{"id":3,"origin":"${'x'.repeat(1024 * 1024)}"}`
  const { receipt, rejects } = answered(await submit(w, `${flight(1)}\n${long}\n${flight(2)}\n`))
  assert.deepEqual(
    rejects.map(({ line, code, truncated }) => [line, code, truncated]),
    [[2, 'row-too-large', true]],
  )
  assert.deepEqual([receipt.rows.received, w.sent[1]!.rows], [3, 2])
})

const damaged = gzipSync(good)
damaged[damaged.length - 6]! ^= 1

const refusals: [what: string, code: string, body: string | Buffer, sent?: Sent][] = [
  ['an empty body', 'empty-batch', ''],
  ['blank lines', 'empty-batch', '\n \n'],
  ['an empty array', 'empty-batch', '[]', { type: 'application/json' }],
  ['a header alone', 'empty-batch', 'id,date,delay,distance,origin,destination\n', { type: 'text/csv' }],
  ['100,001 rows', 'too-many-rows', '{}\n'.repeat(100_001)],
  ['a wrong content type', 'content-type-unsupported', good, { type: 'application/xml' }],
  ['no content type', 'content-type-unsupported', good, { type: '' }],
  ['another charset', 'content-type-unsupported', csv, { type: 'text/csv; charset=iso-8859-1' }],
  ['a content encoding that nobody undoes', 'content-type-unsupported', good, { headers: { 'content-encoding': 'br' } }],
  ['a compressed body without its format', 'invalid-request', gzipSync(good), { type: 'application/gzip' }],
  ['a format that is none', 'invalid-request', gzipSync(good), { type: 'application/gzip', headers: { 'x-millrace-format': 'xml' } }],
  ['a format that contradicts the type', 'invalid-request', good, { headers: { 'x-millrace-format': 'csv' } }],
  ['a number of rows that is none', 'invalid-request', good, { headers: { 'x-millrace-rows': 'two' } }],
  ['broken gzip', 'compression-corrupt', damaged],
  ['half of a gzip', 'compression-truncated', gzipSync(good.repeat(500)).subarray(0, 100), {}],
  ['half of a zstd', 'compression-truncated', zstdCompressSync(good).subarray(0, 60), {}],
  ['something behind the gzip', 'compression-trailing-data', Buffer.concat([gzipSync(good), Buffer.from('more')]), {}],
  ['a body that is not gzip', 'compression-mismatch', good, { type: 'application/gzip', headers: { 'x-millrace-format': 'ndjson' } }],
  ['a zip bomb', 'inflate-ratio-exceeded', gzipSync(Buffer.alloc(60 * 1024 * 1024, 32)), {}],
  ['a zip bomb in zstd', 'inflate-ratio-exceeded', zstdCompressSync(Buffer.alloc(60 * 1024 * 1024, 32)), {}],
  ['half an array', 'json-array-invalid', `[${flight(1)},`, { type: 'application/json' }],
  ['an array where lines were said', 'format-mismatch', `[${flight(1)}]`],
  ['a header that is not the dataset’s', 'csv-header-invalid', 'id,nonsense\n1,2\n', { type: 'text/csv' }],
  ['half a body, of which the rows were counted', 'row-count-mismatch', `${flight(1)}\n`, { headers: { 'x-millrace-rows': '2' } }],
  ['a key that is too long', 'idempotency-key-invalid', good, { key: 'k'.repeat(256) }],
  ['a key with a control character', 'idempotency-key-invalid', good, { key: 'k\u0007' }],
  ['an empty key', 'idempotency-key-invalid', good, { key: '' }],
  ['an unknown dataset', 'dataset-not-found', good, { to: 'nothing' }],
  ['a dataset that is another key’s', 'dataset-forbidden', good, { may: ['events'] }],
]
for (const [what, code, body, sent] of refusals)
  test(`${what}: ${code}, and nothing is begun`, async () => {
    const w = world()
    assert.equal(await codeOf(submit(w, body, sent)), code)
    assert.deepEqual([w.loads.size, w.stream.length], [0, 0])
  })

test('more rejects than the dataset takes: nothing of the batch is accepted, and the first are named', async () => {
  const strict = dataset('strict', {
    description: '',
    columns: { id: bigint(), note: text() },
    primaryKey: ['id'],
    onConflict: 'ignore',
    limits: { maxRejects: 1 },
  })
  const w = Object.assign(world(), { datasets: new Map([['strict', strict]]) })
  const { code, errors } = await problemOf(submit(w, '{"id":1,"note":"a"}\nx\ny\n', { to: 'strict' }))
  assert.deepEqual([code, errors?.map((e) => e.pointer), w.loads.size], ['too-many-rejects', ['/line/2', '/line/3'], 0])
  assert.equal(answered(await submit(w, '{"id":1,"note":"a"}\nx\n', { to: 'strict' })).rejects.length, 1)
})

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
