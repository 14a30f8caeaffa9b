import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { HeadObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { openUploadAnswer, receiptAnswer, signedParts, uploadAnswer } from '#core/api/answers.ts'
import { crc32ToBase64, crc32ToHex } from '#core/loads/crc32.ts'
import { type FileLoad, loadKey } from '#core/loads/load.ts'
import { findLoad } from '#platform/dynamodb/loads.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { createUpload, dropUpload, listParts, signPart } from '#platform/s3/uploads.ts'
import { blankLines, newTenant, openFor, partOf, put, putParts, signed, table } from '../support/door.ts'
import { setting } from '../support/stage.ts'

const mebibyte = 1024 * 1024
const bytes = blankLines(8 * mebibyte + 1000)
const whole = crc32ToHex(zlib.crc32(bytes))
const { ask, tenant } = await newTenant()

const expire = (id: string) =>
  table().client.send(
    new UpdateCommand({
      TableName: table().name,
      Key: loadKey(id),
      UpdateExpression: 'SET expiresAt = :t',
      ExpressionAttributeValues: { ':t': new Date(Date.now() - 1000).toISOString() },
    }),
  )

test('a file goes up in parts, is joined, and becomes a load with the CRC32 of the whole', async () => {
  const opened = await ask('POST /v1/datasets/flights/uploads', {
    body: { fileName: 'a.ndjson', size: bytes.length, format: 'ndjson', crc32: whole },
  })
  const upload = opened.as(openUploadAnswer)
  assert.deepEqual([opened.status, upload.partCount, opened.headers.get('location')], [201, 2, upload.links.self])
  await putParts(ask, upload, bytes)
  const done = await ask(`POST ${upload.links.complete}`)
  assert.equal(done.status, 202)
  assert.equal(done.as(receiptAnswer).checksum.uploaded, whole)
  const raw = openBucket(setting('MILLRACE_RAW_BUCKET'))
  const head = await raw.client.send(new HeadObjectCommand({ Bucket: raw.name, Key: `${tenant}/flights/${upload.loadId}` }))
  assert.equal(head.ContentLength, bytes.length)
  assert.equal(head.Metadata?.load, upload.loadId)
  assert.match(head.Metadata?.traceparent ?? '', /^00-/)
})

test('S3 refuses a part with other bytes, another length, or without its checksum', async () => {
  const upload = await openFor(ask, bytes)
  const part = partOf(bytes, upload, 2)
  const url = await signed(ask, upload.loadId, 2, part)
  const other = new Uint8Array(part)
  other[5] = 32
  assert.equal(await put(url, other), 400)
  assert.notEqual(await put(url, part.subarray(1)), 200)
  assert.equal(await put({ ...url, headers: {} }, part), 403)
  assert.equal(await put({ ...url, headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } }, part), 403)
  assert.deepEqual((await ask(`GET ${upload.links.self}`)).as(uploadAnswer).parts, [])
  assert.equal(await put(url, part), 200)
})

test('a URL that has expired is refused by S3, and a new one works', async () => {
  const upload = await openFor(ask, bytes)
  const part = partOf(bytes, upload, 2)
  const load = (await findLoad(table())(tenant, upload.loadId)) as FileLoad
  const short = await signPart(openBucket(setting('MILLRACE_RAW_BUCKET')))(
    load,
    { number: 2, size: part.length, crc32: zlib.crc32(part) },
    1,
  )
  await new Promise((resolve) => setTimeout(resolve, 2100))
  assert.equal(await put(short, part), 403)
  assert.equal(await put(await signed(ask, upload.loadId, 2, part), part), 200)
})

test('where to resume: the parts S3 has, with sizes and checksums', async () => {
  const upload = await openFor(ask, bytes)
  await putParts(ask, upload, bytes, [2])
  const shown = (await ask(`GET ${upload.links.self}`)).as(uploadAnswer)
  assert.deepEqual(shown.parts, [{ number: 2, size: 1000, crc32: crc32ToHex(zlib.crc32(partOf(bytes, upload, 2))) }])
  assert.equal(shown.state, 'receiving')
})

test('more parts than one page of ListParts holds are all seen', async () => {
  const raw = openBucket(setting('MILLRACE_RAW_BUCKET'))
  const target = { objectKey: `${tenant}/flights/many-parts` }
  const uploadId = await createUpload(raw)({ ...target, load: 'none', traceparent: 'none', contentType: 'text/plain' })
  const upload = { ...target, uploadId }
  // Tiny parts, which S3 refuses only when they are joined.
  const numbers = Array.from({ length: 1003 }, (_, i) => i + 1)
  const rest = [...numbers]
  const worker = async () => {
    for (let number = rest.pop(); number !== undefined; number = rest.pop())
      await raw.client.send(
        new UploadPartCommand({
          Bucket: raw.name,
          Key: upload.objectKey,
          UploadId: uploadId,
          PartNumber: number,
          Body: Buffer.from([1]),
          ChecksumCRC32: crc32ToBase64(zlib.crc32(Buffer.from([1]))),
        }),
      )
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  const parts = await listParts(raw)(upload)
  assert.deepEqual(
    parts?.map(({ number }) => number),
    numbers,
  )
  assert.equal(await dropUpload(raw)(upload), true)
  assert.equal(await listParts(raw)(upload), undefined)
})

test('at most 20 of many missing parts are named', async () => {
  const upload = await openFor(ask, { length: 1099 * 8 * mebibyte + 10 } as Uint8Array)
  const last = blankLines(10)
  assert.equal(await put(await signed(ask, upload.loadId, 1100, last), last), 200)
  const { status, problem } = await ask(`POST ${upload.links.complete}`)
  assert.deepEqual([status, problem.code, problem.errors?.length], [409, 'parts-missing', 20])
  assert.match(problem.detail, /^1099 of 1100/)
  await ask(`DELETE ${upload.links.self}`)
})

test('completing with parts missing names them; sending them heals it', async () => {
  const upload = await openFor(ask, bytes)
  await putParts(ask, upload, bytes, [2])
  const missing = await ask(`POST ${upload.links.complete}`)
  assert.equal(missing.problem.code, 'parts-missing')
  assert.deepEqual(
    missing.problem.errors?.map(({ pointer }) => pointer),
    ['/parts/1'],
  )
  await putParts(ask, upload, bytes, [1])
  assert.equal((await ask(`POST ${upload.links.complete}`)).status, 202)
})

test('a declared CRC32 that the parts do not come to is refused', async () => {
  const upload = await openFor(ask, bytes, { crc32: '00000001' })
  await putParts(ask, upload, bytes)
  assert.equal((await ask(`POST ${upload.links.complete}`)).problem.code, 'checksum-mismatch')
  assert.equal((await ask(`DELETE ${upload.links.self}`)).status, 204)
})

test('completing twice, and many times at once, is one load', async () => {
  const upload = await openFor(ask, bytes)
  await putParts(ask, upload, bytes)
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask(`POST ${upload.links.complete}`)))
  for (const answer of answers) if (answer.status !== 202) assert.equal(answer.problem.code, 'upload-busy', answer.text)
  assert.ok(answers.some(({ status }) => status === 202))
  const again = await ask(`POST ${upload.links.complete}`)
  assert.equal(again.status, 202)
  assert.equal(again.as(receiptAnswer).checksum.uploaded, whole)
})

test('aborting frees the parts, may be repeated, and ends the upload', async () => {
  const upload = await openFor(ask, bytes)
  await putParts(ask, upload, bytes, [2])
  assert.equal((await ask(`DELETE ${upload.links.self}`)).status, 204)
  assert.equal((await ask(`DELETE ${upload.links.self}`)).status, 204)
  assert.equal((await ask(`POST ${upload.links.complete}`)).problem.code, 'upload-not-open')
  assert.equal(
    (await ask(`POST ${upload.links.parts}`, { body: [{ number: 1, size: 8 * mebibyte, crc32: whole }] })).problem.code,
    'upload-not-open',
  )
  assert.equal((await ask(`GET ${upload.links.receipt}`)).as(receiptAnswer).state, 'aborted')
})

test('aborting while it is completed: either a load with its object, or no load and no object', async () => {
  for (let round = 0; round < 4; round++) {
    const upload = await openFor(ask, bytes)
    await putParts(ask, upload, bytes)
    const [completed, aborted] = await Promise.all([ask(`POST ${upload.links.complete}`), ask(`DELETE ${upload.links.self}`)])
    // What was busy is asked again, as a client would.
    const complete = completed.status === 202 ? completed : await ask(`POST ${upload.links.complete}`)
    const { state } = (await ask(`GET ${upload.links.receipt}`)).as(receiptAnswer)
    if (complete.status === 202) {
      assert.ok(['loading', 'complete'].includes(state), state)
      assert.ok(['upload-not-open', 'upload-busy'].includes(aborted.problem.code))
    } else {
      assert.deepEqual([complete.problem.code, aborted.status, state], ['upload-not-open', 204, 'aborted'])
    }
  }
})

test('a load that is over cannot be aborted', async () => {
  const upload = await openFor(ask, bytes)
  await putParts(ask, upload, bytes)
  await ask(`POST ${upload.links.complete}`)
  assert.equal((await ask(`DELETE ${upload.links.self}`)).problem.code, 'upload-not-open')
})

test('past its window an upload is expired: 410 to sign and complete, shown as such, and its parts can be freed', async () => {
  const upload = await openFor(ask, bytes)
  await putParts(ask, upload, bytes)
  await expire(upload.loadId)
  assert.deepEqual(
    [
      (await ask(`POST ${upload.links.parts}`, { body: [{ number: 2, size: 1000, crc32: whole }] })).problem.code,
      (await ask(`POST ${upload.links.complete}`)).problem.code,
      (await ask(`GET ${upload.links.self}`)).as(uploadAnswer).state,
      (await ask(`GET ${upload.links.receipt}`)).as(receiptAnswer).state,
      (await ask(`DELETE ${upload.links.self}`)).status,
    ],
    ['upload-expired', 'upload-expired', 'expired', 'expired', 204],
  )
})

test('parts are signed only as planned', async () => {
  const upload = await openFor(ask, bytes)
  const sign = (body: unknown) => ask(`POST ${upload.links.parts}`, { body })
  const fine = { number: 2, size: 1000, crc32: whole }
  assert.equal((await sign([fine])).as(signedParts).length, 1)
  for (const [body, code] of [
    [[{ ...fine, size: 999 }], 'part-size-mismatch'],
    [[{ ...fine, number: 3 }], 'part-size-mismatch'],
    [[{ ...fine, crc32: 'XYZ' }], 'invalid-request'],
    [[], 'invalid-request'],
    [Array(101).fill(fine), 'invalid-request'],
    ['[', 'invalid-json-body'],
  ] as const)
    assert.equal((await sign(body)).problem.code, code)
})

test('an Idempotency-Key gets the first answer again, for the same request alone', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  const body = { fileName: 'a', size: 5, format: 'csv' }
  const open = (more: object = {}) => ask('POST /v1/datasets/flights/uploads', { headers, body: { ...body, ...more } })
  const answers = await Promise.all([open(), open(), open()])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 201, 201],
  )
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1)
  assert.equal(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true').length, 2)
  const reordered = await ask('POST /v1/datasets/flights/uploads', {
    headers,
    body: '{"format":"csv","compression":"auto","size":5,"fileName":"a"}',
  })
  assert.equal(reordered.text, answers[0]?.text)
  assert.equal((await open({ size: 6 })).problem.code, 'idempotency-key-reused')
  assert.equal(
    (await ask('POST /v1/datasets/flights/uploads', { headers: { 'idempotency-key': 'x'.repeat(256) }, body })).problem.code,
    'idempotency-key-invalid',
  )
})

test('what cannot be loaded is not opened', async () => {
  const open = (body: unknown, dataset = 'flights') => ask(`POST /v1/datasets/${dataset}/uploads`, { body })
  const fine = { fileName: 'a', size: 5, format: 'csv' }
  assert.equal((await open({ ...fine, size: 0 })).problem.code, 'empty-file')
  assert.equal((await open({ ...fine, size: 2e12 })).problem.code, 'file-too-large')
  assert.equal((await open(fine, 'nothing')).problem.code, 'dataset-not-found')
  const faults = (await open({ size: 1.5, format: 'xml', color: 'red' })).problem
  assert.deepEqual(faults.errors?.map(({ pointer }) => pointer).sort(), ['/color', '/fileName', '/format', '/size'])
  for (const fileName of ['', 'two\nlines', 'red \x1b[31m', 'half \ud83d', 'x'.repeat(256)]) {
    const { code, errors } = (await open({ ...fine, fileName })).problem
    assert.deepEqual([code, errors?.map(({ pointer }) => pointer)], ['invalid-request', ['/fileName']], JSON.stringify(fileName))
  }
  const { ask: limited } = await newTenant(['events'])
  assert.equal((await limited('POST /v1/datasets/flights/uploads', { body: fine })).problem.code, 'dataset-forbidden')
})
