import assert from 'node:assert/strict'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { createClient } from '../../../client/src/client.ts'
import { RefusedError, SendError, UnavailableError } from '../../../client/src/errors.ts'
import { type Clock, systemClock } from '../../../client/src/retry.ts'
import type { BatchEvent, WriterOptions } from '../../../client/src/row-writer.ts'
import { zstd } from '../../../client/src/zstd.ts'
import { type FakeMillrace, refuse, startFakeMillrace } from '../../support/fake-millrace.ts'

/** Retries sleep nothing, and it is remembered how long they should have slept; batches wait for their time as they must. */
function impatient(): { clock: Clock; slept: number[] } {
  const slept: number[] = []
  const sleep: Clock['sleep'] = async (ms, signal) => {
    if (ms === batchMs) return systemClock.sleep(20, signal)
    signal?.throwIfAborted()
    slept.push(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock: { now: () => 0, random: () => 0.5, sleep }, slept }
}
const batchMs = 777
function connect(fake: FakeMillrace, more: object = {}) {
  const { clock, slept } = impatient()
  return { client: createClient({ url: fake.url, apiKey: 'mr_test', world: { clock }, ...more }), slept }
}
const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `{"id":${from + i}}\n`).join('')
const options = (more: Partial<WriterOptions> = {}): WriterOptions => ({ dataset: 'flights', batchRows: 10, batchMs, ...more })
const texts = (fake: FakeMillrace) => fake.batches.map(({ text }) => text)
const settled = { looks: 0 }

test('a batch is one request with its key; the answer is its receipt and the first rejects', async () => {
  await using fake = await startFakeMillrace()
  const { client } = connect(fake)
  const answer = await client.sendBatch('flights', '{"id":1}\nnot JSON\n', { key: 'mine' })
  assert.deepEqual([answer.receipt.door, answer.receipt.rows.received, answer.key, answer.replayed], ['batch', 2, 'mine', false])
  assert.deepEqual(
    answer.rejects.map(({ line, code }) => [line, code]),
    [[2, 'invalid-json']],
  )
  assert.equal((await client.sendBatch('flights', '{"id":1}\nnot JSON\n', { key: 'mine' })).replayed, true)
  await assert.rejects(client.sendBatch('flights', '{"id":2}\n', { key: 'mine' }), { status: 422 })
  assert.equal(fake.batches.length, 1)
})

test('bodies are compressed when that pays, and the function gets them as they are', async () => {
  await using fake = await startFakeMillrace()
  const sent = (i: number) => {
    const { headers } = fake.seen.filter(({ name }) => name === 'POST batches')[i]!
    return [headers['content-type'], headers['x-millrace-format'], headers['content-encoding'], headers['x-millrace-rows']]
  }
  await connect(fake).client.sendBatch('flights', rows(500))
  await connect(fake, { compressor: zstd }).client.sendBatch('flights', rows(500), { rows: 500 })
  await connect(fake).client.sendBatch('flights', [{ id: 1 }, { id: 2n ** 60n }, { id: 5n }])
  await connect(fake).client.sendBatch('flights', 'id\n1\n', { format: 'csv' })
  assert.deepEqual([0, 1, 2, 3].map(sent), [
    ['application/gzip', 'ndjson', undefined, undefined],
    ['application/zstd', 'ndjson', undefined, '500'],
    ['application/x-ndjson', undefined, undefined, '3'],
    ['text/csv', undefined, undefined, undefined],
  ])
  assert.deepEqual(texts(fake), [rows(500), rows(500), '{"id":1}\n{"id":"1152921504606846976"}\n{"id":5}\n', 'id\n1\n'])
})

test('what is tried again has the same key and the same bytes, is never sooner than Retry-After, and is loaded once', async () => {
  await using fake = await startFakeMillrace()
  const answers = [
    'drop the answer',
    'drop',
    refuse(409, 'batch-in-flight', 'in flight', { 'retry-after': '3' }),
    refuse(429, 'throttled', 'slow down', { 'retry-after': '7' }),
    { status: 503, headers: { 'retry-after': '2' } },
  ] as const
  fake.fault = (name, nth) => (name === 'POST batches' ? answers[nth - 1] : undefined)
  const { client, slept } = connect(fake)
  const answer = await client.sendBatch('flights', rows(3))
  assert.equal(answer.replayed, true)
  assert.equal(fake.batches.length, 1)
  const keys = new Set(fake.seen.map(({ headers }) => headers['idempotency-key']))
  assert.deepEqual([keys.size, fake.seen.length], [1, 6])
  const asked = [0, 0, 3000, 7000, 2000]
  for (const [i, ms] of asked.entries()) assert.ok(slept[i]! >= ms && slept[i]! <= ms + 1000, `slept ${slept[i]}`)
})

test('a stream is cut into batches, all are followed to their end, and the total adds up', async () => {
  await using fake = await startFakeMillrace()
  const events: BatchEvent[] = []
  const { client } = connect(fake)
  const text = `${rows(23)}oops\n\n  \n${rows(2, 100)}`
  const total = await client.sendRows(Readable.from([text.slice(0, 100), Buffer.from(text.slice(100))]), {
    ...options(),
    parallel: 1,
    onBatch: (event) => events.push(event),
  })
  assert.deepEqual(texts(fake).join(''), text)
  assert.deepEqual(total.rows, { received: 26, loaded: 25, updated: 0, duplicate: 0, rejected: 1, pending: 0 })
  assert.deepEqual([total.batches, total.bytes, total.byCode], [3, text.length, [{ code: 'invalid-json', column: null, rows: 1 }]])
  assert.deepEqual(total.rejectedLoads, ['lb_3'])
  const of = (kind: BatchEvent['kind']) => events.filter((event) => event.kind === kind).map(({ batch }) => batch.number)
  assert.deepEqual(
    [of('accepted'), of('settled').toSorted()],
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  )
  assert.deepEqual(new Set(events.flatMap((event) => (event.kind === 'settled' ? [event.ms] : []))), new Set([500]))
  const third = events.find((event) => event.kind === 'accepted' && event.batch.number === 3)
  assert.equal(third?.kind === 'accepted' && third.batch.line, 21)
})

test('rows do not wait longer than their time for others', async () => {
  await using fake = await startFakeMillrace()
  const { client } = connect(fake)
  const writer = await client.openWriter(options())
  await writer.write({ id: 1 })
  await writer.write('{"id":2}\n{"id"')
  while (fake.batches.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(texts(fake), ['{"id":1}\n{"id":2}\n'])
  await writer.write(':3}')
  assert.equal((await writer.close()).rows.loaded, 3)
  assert.deepEqual(texts(fake)[1], '{"id":3}', 'no newline is added')
})

test('flush resolves when all whole lines are accepted; a close that is not final leaves the begun one', async () => {
  await using fake = await startFakeMillrace()
  const { client } = connect(fake)
  const writer = await client.openWriter(options())
  await writer.write('{"id":1}\n{"id":2}\n{"id')
  await writer.flush()
  assert.deepEqual(texts(fake), ['{"id":1}\n{"id":2}\n'])
  await writer.flush()
  const total = await writer.close({ final: false })
  assert.deepEqual([total.batches, total.rows.loaded, writer.state().next.offset], [1, 2, 18])
})

test('a writer knows what its batches wait for, until they are committed', async () => {
  await using fake = await startFakeMillrace()
  fake.looks = 1_000_000
  fake.waiting = { code: 'table-locked', detail: 'Somebody keeps the table locked.', since: '2026-01-01T00:00:00.000Z' }
  const writer = await connect(fake).client.openWriter(options())
  await writer.write(rows(10))
  while (writer.pending().waiting === null) await turns(1)
  assert.deepEqual(writer.pending().waiting, fake.waiting)
  for (const batch of fake.batches) batch.looks = 0
  await writer.close()
  assert.equal(writer.pending().waiting, null)
})

/** Holds every batch at the door until it is let in. */
function doorkeeper(fake: FakeMillrace) {
  const waiting: (() => void)[] = []
  const { fetch } = globalThis
  const held = async (url: string, init: RequestInit) => {
    if (init.method === 'POST') await new Promise<void>((resolve) => waiting.push(resolve))
    return fetch(url, init)
  }
  const { clock } = impatient()
  return { client: createClient({ url: fake.url, apiKey: 'mr_test', world: { clock, fetch: held } }), waiting }
}
const turns = async (n = 50) => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('no more batches are in flight than may be, and a full batch holds up the writer', async () => {
  await using fake = await startFakeMillrace()
  const { client, waiting } = doorkeeper(fake)
  const writer = await client.openWriter(options({ parallel: 2 }))
  let taken = 0
  const writes = (async () => {
    for (let i = 0; i < 60; i++) {
      await writer.write({ id: i })
      taken++
    }
  })()
  await turns()
  assert.equal(waiting.length, 2)
  assert.ok(taken < 30, `${taken} rows were taken: two batches in flight and one full`)
  for (let i = 0; i < 6; i++) {
    while (waiting[i] === undefined) await turns(1)
    assert.ok(waiting.length - i <= 2)
    waiting[i]!()
  }
  await writes
  assert.equal((await writer.close()).rows.loaded, 60)
})

const orders: Record<string, { dataset: object; parallel: number }> = {
  'an ordering key and no version': { dataset: { orderingKey: 'stream' }, parallel: 1 },
  'an ordering key and a version': { dataset: { orderingKey: 'stream', version: 'at' }, parallel: 3 },
  'no ordering key': { dataset: {}, parallel: 3 },
}
for (const [what, { dataset, parallel }] of Object.entries(orders))
  test(`into a dataset with ${what}, ${parallel} may be in flight of three that are asked for`, async () => {
    await using fake = await startFakeMillrace()
    fake.dataset = dataset
    const { client, waiting } = doorkeeper(fake)
    const writer = await client.openWriter(options({ parallel: 3 }))
    const writes = writer.write(rows(50))
    await turns()
    assert.equal(waiting.length, parallel)
    for (let i = 0; i < 5; i++) {
      while (waiting[i] === undefined) await turns(1)
      waiting[i]!()
    }
    await writes
    await writer.close()
    assert.equal(texts(fake).join(''), rows(50))
  })

test('a batch that is refused ends the stream; what was in flight with it is accepted, and what was saved names it', async () => {
  await using fake = await startFakeMillrace()
  Object.assign(fake, settled)
  fake.fault = (name, nth) => (name === 'POST batches' && nth === 2 ? refuse(422, 'too-many-rejects', 'hopeless') : undefined)
  const { client } = connect(fake)
  const writer = await client.openWriter(options({ parallel: 3 }))
  await writer.write(rows(30)).catch(() => undefined)
  await assert.rejects(writer.close(), RefusedError)
  await assert.rejects(writer.write({ id: 1 }), RefusedError)
  assert.equal(fake.batches.length, 2)
  const { open, total } = writer.state()
  assert.deepEqual([open.length, total.rows.received], [1, 20])
})

test('a server that stays away ends the stream after all retries', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name) => (name === 'POST batches' ? { status: 503 } : undefined)
  await assert.rejects(connect(fake).client.sendRows([rows(3)], options()), UnavailableError)
  assert.equal(fake.count(/^POST batches$/), 10)
})

test('an abort ends a stream at once with the reason of the signal', async () => {
  await using fake = await startFakeMillrace()
  const stop = new AbortController()
  fake.fault = (name) => {
    if (name === 'GET dataset') return undefined
    stop.abort(new Error('enough'))
    return 'drop'
  }
  const { client } = connect(fake)
  await assert.rejects(client.sendRows([rows(3)], options({ signal: stop.signal })), /^Error: enough$/)
})

test('a load that fails does not stop the stream; its rows stay pending in the total', async () => {
  await using fake = await startFakeMillrace()
  fake.outcome = 'failed'
  const total = await connect(fake).client.sendRows([rows(3)], options())
  assert.deepEqual([total.failed, total.failedLoads, total.rows.received, total.rows.pending], [1, ['lb_1'], 3, 3])
})

test('a load that received other rows than were sent is found out', async () => {
  await using fake = await startFakeMillrace()
  const { client } = connect(fake)
  const writer = await client.openWriter(options())
  await writer.write(rows(3))
  await writer.flush()
  Object.assign(fake.batches[0]!, { received: 2 })
  await assert.rejects(writer.close(), (error: unknown) => error instanceof SendError && error.fault === 'row-count-mismatch')
})

test('following many batches costs about one look each, and four at a time', async () => {
  await using fake = await startFakeMillrace()
  fake.looks = 0
  let looking = 0
  let most = 0
  const { clock } = impatient()
  const watched = async (url: string, init: RequestInit) => {
    const look = url.includes('/loads/')
    if (look) most = Math.max(most, ++looking)
    return fetch(url, init).finally(() => {
      if (look) looking--
    })
  }
  const client = createClient({ url: fake.url, apiKey: 'mr_test', world: { clock, fetch: watched } })
  const total = await client.sendRows([rows(2000)], options())
  assert.deepEqual([total.batches, total.rows.loaded], [200, 2000])
  assert.equal(fake.count(/^GET load$/), 200)
  assert.ok(most <= 4, `${most} at a time`)
})

test('without waiting, receipts are not asked for, and the rows are pending', async () => {
  await using fake = await startFakeMillrace()
  const total = await connect(fake).client.sendRows([rows(30)], options({ wait: false }))
  assert.deepEqual([total.rows.received, total.rows.pending, fake.count(/^GET load$/)], [30, 30, 0])
})

test('a writer is a Writable: web streams and Node pipelines end in it', async () => {
  await using fake = await startFakeMillrace()
  const { client } = connect(fake)
  const one = await client.openWriter(options())
  await new Blob([rows(25)]).stream().pipeTo(one.writable)
  assert.equal(one.state().total.rows.loaded, 25)
  const two = await client.openWriter(options())
  await pipeline(Readable.from([{ id: 1 }, { id: 2 }]), Writable.fromWeb(two.writable, { objectMode: true }))
  assert.equal(two.state().total.rows.loaded, 2)
})

test('when the rows end with an error, those before it are sent, and the error is thrown', async () => {
  await using fake = await startFakeMillrace()
  function* broken() {
    yield { id: 1 }
    throw new Error('the sensor fell off')
  }
  await assert.rejects(connect(fake).client.sendRows(broken(), options()), /the sensor fell off/)
  assert.deepEqual(texts(fake), ['{"id":1}\n'])
})

test('bytes that are no UTF-8, blank lines and rows of any size pass through untouched', async () => {
  await using fake = await startFakeMillrace()
  const big = Buffer.alloc(1_500_000, 'y')
  const odd = Buffer.concat([Buffer.from('\ufeff\n\r\n'), Buffer.from([0xff, 0xfe, 0x00, 0x0a]), big, Buffer.from('\n\n{"id":1}')])
  const total = await connect(fake).client.sendRows([odd], options())
  assert.equal(texts(fake).join(''), odd.toString('latin1'))
  assert.deepEqual([total.rows.received, total.rows.rejected], [3, 2])
})
