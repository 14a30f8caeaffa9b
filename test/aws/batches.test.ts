import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { GetCommand } from '@aws-sdk/lib-dynamodb'
import { batchAnswer, loadPage, receiptAnswer, rejectPage } from '#core/api/answers.ts'
import { headerOf } from '#core/batches/dead-letter.ts'
import { decodeEnvelope } from '#core/batches/envelope.ts'
import { freePartition, lanePartition } from '#core/batches/lane.ts'
import { type BatchLoad, loadKey } from '#core/loads/load.ts'
import { randomLoadId } from '#core/loads/load-id.ts'
import { acceptBatch, releaseBatch, takeBatch } from '#platform/dynamodb/batches.ts'
import { findLoad, insertLoad } from '#platform/dynamodb/loads.ts'
import { openStream, sendRecords } from '#platform/stream.ts'
import { kinesisClient } from '../../localstack/pump/kinesis-source.ts'
import { newTenant, table } from '../support/door.ts'
import { exampleBatch } from '../support/example-load.ts'
import { createKinesisStream, recordsOf } from '../support/kinesis-stream.ts'
import { flight, flightLines, freshIds, setting } from '../support/stage.ts'

const { ask, tenant } = await newTenant()
const kinesis = kinesisClient(setting('AWS_ENDPOINT_URL'))
after(() => kinesis.destroy())

const ndjson = 'application/x-ndjson'
const submit = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}, to = 'flights', query = '') =>
  ask(`POST /v1/datasets/${to}/batches${query}`, { body, headers: { 'content-type': ndjson, ...headers } })
const bytesOf = (buffer: Buffer): Uint8Array<ArrayBuffer> => new Uint8Array(buffer)

/** The records of a load in the stage's stream, in which other tests leave what cannot be read. */
async function sentOf(load: string) {
  const records = await recordsOf(kinesis, setting('MILLRACE_STREAM'))
  const isOfLoad = (header: ReturnType<typeof headerOf>) => 'load' in header && header.load === load
  return records.filter(({ data }) => isOfLoad(headerOf(data))).map(({ partitionKey, data }) => ({ partitionKey, ...decodeEnvelope(data) }))
}

test('rows are in the stream when the answer comes, under the keys of their dataset', async () => {
  const lines = flightLines(freshIds(), 100)
  const answer = await submit(lines, { 'idempotency-key': 'free' })
  const { receipt } = answer.as(batchAnswer)
  assert.deepEqual(
    [answer.status, answer.headers.get('location'), answer.headers.get('idempotency-key')],
    [202, receipt.links.self, 'free'],
  )
  const [record, ...others] = await sentOf(receipt.id)
  assert.deepEqual([record!.partitionKey, others.length, record!.text.toString()], [freePartition(receipt.id, 0), 0, lines])

  const event = (n: number) => `{"stream":"${randomUUID()}","sequence":${n},"type":"t","at":"2026-01-01T00:00:00Z"}\n`
  const ordered = (await submit(Array.from({ length: 50 }, (_, n) => event(n)).join(''), {}, 'events')).as(batchAnswer)
  const lanes = await sentOf(ordered.receipt.id)
  assert.ok(lanes.length > 1)
  for (const { partitionKey, header } of lanes) assert.equal(partitionKey, lanePartition('events', header.lane!))
  assert.equal(
    lanes.reduce((rows, { header }) => rows + header.rows, 0),
    50,
  )
})

test('a JSON array in another encoding than UTF-8: its rows are refused, their neighbours load, and nothing is stored that nobody sent', async () => {
  const id = freshIds()
  const rows = [flight(id), flight(id + 1, { origin: 'M\xfc' }), flight(id + 2, { origin: 'M\u00fc' })]
  const [good, latin, escaped] = rows.map((row) => JSON.stringify(row)) as [string, string, string]
  const body = Buffer.concat([Buffer.from(`[${good},`), Buffer.from(latin, 'latin1'), Buffer.from(`,${escaped}]`)])
  const answer = (await submit(bytesOf(body), { 'content-type': 'application/json' })).as(batchAnswer)
  assert.deepEqual(
    answer.rejects.map(({ code }) => code),
    ['invalid-utf8'],
  )
  assert.equal(answer.receipt.rows.received, 3)
})

test('bodies arrive as the bytes they are: compressed, and not UTF-8', async () => {
  const id = freshIds()
  const lines = Buffer.from(flightLines(id, 20))
  for (const [type, body] of [
    ['application/gzip', gzipSync(lines)],
    ['application/zstd', zstdCompressSync(lines)],
  ] as const) {
    const answer = await submit(bytesOf(body), { 'content-type': type, 'x-millrace-format': 'ndjson' })
    assert.equal(answer.as(batchAnswer).receipt.rows.received, 20, answer.text)
  }
  const odd = Buffer.concat([lines, Buffer.from(flightLines(id + 100, 1)).map((byte) => (byte === 77 ? 0xff : byte))])
  const { rejects } = (await submit(bytesOf(odd))).as(batchAnswer)
  assert.deepEqual(
    rejects.map(({ line, code }) => [line, code]),
    [[21, 'invalid-utf8']],
  )
})

test('what the door refuses is in the receipt, and its rejects can be read when the load is over', async () => {
  const id = freshIds()
  const body = `${flightLines(id, 2)}nonsense\n${flightLines(id + 2, 1)}{"id":"x"}\n`
  const answer = await submit(body, {}, 'flights', '?wait=true')
  const { receipt, rejects } = answer.as(batchAnswer)
  assert.deepEqual([answer.status, receipt.state, receipt.rows.loaded, receipt.rows.rejected], [200, 'complete', 3, 2])
  assert.deepEqual(
    receipt.rejects.byCode.map(({ rows }) => rows),
    [1, 1],
  )
  const page = (await ask(`GET ${receipt.links.rejects}`, { headers: { accept: 'application/json' } })).as(rejectPage)
  assert.deepEqual(page.items, rejects)
  assert.deepEqual(
    rejects.map(({ line, offset }) => [line, body.slice(offset, offset + 8)]),
    [
      [3, 'nonsense'],
      [5, '{"id":"x'],
    ],
  )
})

test('the same key many times at once: accepted once, and each answer says what it is', async () => {
  const lines = flightLines(freshIds(), 500)
  const answers = await Promise.all(Array.from({ length: 12 }, () => submit(lines, { 'idempotency-key': 'at-once' })))
  const fresh = answers.filter((a) => a.status < 300 && a.headers.get('idempotency-replayed') === null)
  assert.equal(fresh.length, 1)
  for (const a of answers.filter((each) => each.status >= 300)) {
    assert.deepEqual([a.status, a.problem.code], [409, 'batch-in-flight'])
    assert.ok(Number(a.headers.get('retry-after')) >= 1)
  }
  const { receipt } = fresh[0]!.as(batchAnswer)
  assert.equal((await sentOf(receipt.id)).length, 1)
  const again = await submit(lines, { 'idempotency-key': 'at-once' })
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  assert.equal((await submit(flightLines(1, 1), { 'idempotency-key': 'at-once' })).problem.code, 'idempotency-key-reused')
  assert.equal((await ask(`GET ${receipt.links.self}`)).as(receiptAnswer).id, receipt.id)
})

test('what is wrong with a batch is a problem with its code', async () => {
  const row = flightLines(1, 1)
  const whole = gzipSync(row.repeat(1000))
  const gzip = { 'content-type': 'application/gzip', 'x-millrace-format': 'ndjson' }
  const other = (await newTenant(['events'])).ask
  const cases: [code: string, answer: ReturnType<typeof submit>][] = [
    ['empty-batch', submit('')],
    ['empty-batch', submit('[]', { 'content-type': 'application/json' })],
    ['content-type-unsupported', submit(row, { 'content-type': 'application/xml' })],
    ['invalid-request', submit(bytesOf(whole), { 'content-type': 'application/gzip' })],
    ['invalid-request', submit(row, {}, 'flights', '?wait=perhaps')],
    ['compression-corrupt', submit(bytesOf(Buffer.from(whole).fill(0xff, whole.length - 8, whole.length - 4)), gzip)],
    ['compression-truncated', submit(bytesOf(whole.subarray(0, whole.length - 20)), gzip)],
    ['inflate-ratio-exceeded', submit(bytesOf(gzipSync(Buffer.alloc(20 * 1024 * 1024, 32))), gzip)],
    ['body-too-large', submit(new Uint8Array(4 * 1024 * 1024 + 1).fill(10))],
    ['too-many-rows', submit(bytesOf(gzipSync('{"id":1}\n'.repeat(100_001))), gzip)],
    ['row-count-mismatch', submit(row, { 'x-millrace-rows': '2' })],
    ['json-array-invalid', submit(`[${row}`, { 'content-type': 'application/json' })],
    ['idempotency-key-invalid', submit(row, { 'idempotency-key': 'k'.repeat(256) })],
    ['dataset-not-found', submit(row, {}, 'nothing')],
    ['dataset-forbidden', other('POST /v1/datasets/flights/batches', { body: row, headers: { 'content-type': ndjson } })],
  ]
  for (const [code, asked] of cases) {
    const answer = await asked
    assert.equal(answer.status >= 400 ? answer.problem.code : answer.text, code)
  }
})

test('a body that breaks off before its Content-Length begins nothing', async () => {
  const alone = await newTenant()
  const url = new URL(`${setting('MILLRACE_URL')}/v1/datasets/flights/batches`)
  const [half, body] = [flightLines(freshIds(), 100), flightLines(freshIds(), 1)]
  const socket = connect(Number(url.port), url.hostname)
  await once(socket, 'connect')
  const headers = {
    host: url.host,
    authorization: `Bearer ${alone.key}`,
    'content-type': ndjson,
    'content-length': String(half.length * 2),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n${half}`)
  socket.resume().end()
  await once(socket, 'close')
  // A whole one of the same tenant, after it: by then the half one would be there too.
  const { receipt } = (await alone.ask('POST /v1/datasets/flights/batches', { body, headers: { 'content-type': ndjson } })).as(batchAnswer)
  const loads = (await alone.ask('GET /v1/loads')).as(loadPage)
  assert.deepEqual(
    loads.items.map(({ id }) => id),
    [receipt.id],
  )
})

test('in the table a lock has one owner, is taken over once, and only while the batch is not accepted', async () => {
  const id = randomLoadId()
  const later = new Date(Date.now() + 86_400_000).toISOString()
  const ttl = Math.floor(Date.now() / 1000) + 600
  const load = exampleBatch({ id, tenant, lock: 'first', lockedUntil: 1, expiresAt: later, createdAt: new Date().toISOString(), ttl })
  const inserted = await Promise.all([insertLoad(table())(load), insertLoad(table())({ ...load, lock: 'other' })])
  assert.equal(inserted.filter((met) => met === undefined).length, 1)
  const there = (await findLoad(table())(tenant, id)) as BatchLoad

  const takers = await Promise.all(['a', 'b', 'c'].map((lock) => takeBatch(table())(there, { lock, lockedUntil: 2 }, later)))
  const [taken, ...more] = takers.filter((t) => t !== undefined)
  assert.deepEqual([more.length, taken!.lockedUntil], [0, 2])
  await releaseBatch(table())(there, 'a stranger', [9])
  await releaseBatch(table())(taken!, taken!.lock!, [0, 2])
  const released = (await findLoad(table())(tenant, id)) as BatchLoad
  assert.deepEqual([released.lock, released.lockedUntil, released.sent], [undefined, undefined, [0, 2]])

  const again = (await takeBatch(table())(released, { lock: 'd', lockedUntil: 3 }, later))!
  assert.equal(await acceptBatch(table())(again, 'a stranger', later), undefined)
  const accepted = (await acceptBatch(table())(again, 'd', later))!
  assert.deepEqual([accepted.state, accepted.lock, accepted.sent, accepted.startedAt], ['loading', undefined, undefined, later])
  assert.equal(await takeBatch(table())(accepted, { lock: 'e', lockedUntil: 4 }, later), undefined)
  const { Item } = await table().client.send(new GetCommand({ TableName: table().name, Key: loadKey(id) }))
  assert.equal(Item?.state, 'loading')
})

test('large records and many of them reach a stream whole, each key in order', async () => {
  await using stream = await createKinesisStream(kinesisClient(setting('AWS_ENDPOINT_URL')), 3)
  const data = (n: number): Buffer => Buffer.alloc(n < 9 ? 1024 * 1024 - 64 : 100, n)
  const records = Array.from({ length: 700 }, (_, chunk) => ({ chunk, partitionKey: `k${chunk % 650}`, data: data(chunk) }))
  const { client } = openStream(stream.name)
  const acknowledged = await sendRecords({ name: stream.name, client })(records, () => 20_000)
  client.destroy()
  assert.equal(acknowledged.size, records.length)
  // A call whose answer came too late is made again: a record may be there twice, and never out of order.
  const there = await recordsOf(kinesis, stream.name)
  assert.ok(there.length >= records.length)
  const shown = (all: readonly { partitionKey: string; data: Buffer }[], key: string) => [
    ...new Set(all.filter(({ partitionKey }) => partitionKey === key).map(({ data }) => `${data.length} bytes of ${data[0]}`)),
  ]
  for (const key of new Set(records.map(({ partitionKey }) => partitionKey))) assert.deepEqual(shown(there, key), shown(records, key))
})
