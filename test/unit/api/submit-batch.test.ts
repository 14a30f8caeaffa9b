import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { bigint, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { codeOf } from '../../support/call.ts'
import type { MemoryBatches } from '../../support/memory-batches.ts'
import { answered, batchOf, csv, flight, good, problemOf, type Sent, submit, world } from '../../support/submit.ts'

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
