import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand } from '@aws-sdk/client-s3'
import type { Receipt } from '#core/loads/receipt.ts'
import { RefusedError } from '../../client/src/errors.ts'
import type { Progress } from '../../client/src/push-options.ts'
import { blobSource } from '../../client/src/source.ts'
import { connectStage, flightCsv, flightLines, freshIds, outcomes, setting } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())
const Bucket = setting('MILLRACE_RAW_BUCKET')

/** `tenant/dataset/load` of a load's object. */
async function keyOf(load: string): Promise<string> {
  for (let ContinuationToken: string | undefined; ; ) {
    const page = await stage.s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken }))
    const found = page.Contents?.find(({ Key }) => Key?.endsWith(`/${load}`))?.Key
    if (found) return found
    if (!page.NextContinuationToken) throw new Error(`there is no object of load ${load}`)
    ContinuationToken = page.NextContinuationToken
  }
}
/** As S3 sends it: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
const created = (key: string, size: number) => ({
  Records: [
    { eventSource: 'aws:s3', eventName: 'ObjectCreated:CompleteMultipartUpload', s3: { bucket: { name: Bucket }, object: { key, size } } },
  ],
})
const receiptOf = async (load: string): Promise<Receipt> => (await stage.client.getReceipt(load)).receipt!

for (const format of ['ndjson', 'csv'] as const)
  test(`the event and the chunk of a ${format} file delivered again, before and after its end, change nothing`, async () => {
    const id = freshIds()
    const text = format === 'csv' ? flightCsv(id, 2000) : flightLines(id, 2000)
    const source = blobSource(new Blob([text]), `twice.${format}`)
    const { receipt: opened } = await stage.client.pushFile(source, { dataset: 'flights', format, compression: 'none', wait: false })
    const key = await keyOf(opened.id)
    const again = async () => {
      for (let i = 0; i < 3; i++) await stage.send(setting('MILLRACE_PLAN_QUEUE_URL'), created(key, text.length))
      const job = { tenant: key.split('/')[0], load: opened.id, chunk: 0, mode: format === 'csv' ? 'sequence' : 'range' }
      for (let i = 0; i < 3; i++) await stage.send(setting('MILLRACE_CHUNK_QUEUE_URL'), job)
    }
    await again()
    const receipt = await stage.client.waitFor(opened.id)
    assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 2000, loaded: 2000 }])
    await again()
    await stage.quiet()
    assert.deepEqual(await receiptOf(opened.id), receipt)
    assert.equal(await stage.countFlights(id, id + 2000), 2000)
  })

test('an object dropped into the bucket by hand is not loaded, and a note of it is kept', async () => {
  const id = freshIds()
  const key = `nobody/flights/by hand ${id}.ndjson`
  await stage.s3.send(new PutObjectCommand({ Bucket, Key: key, Body: flightLines(id, 5) }))
  assert.deepEqual(JSON.parse(await noteOf(key)).code, 'object-unknown')
  assert.equal(await stage.countFlights(id, id + 5), 0)
})

for (const [size, rows] of [
  ['another', 9],
  ['the declared', 5],
] as const)
  test(`an object of ${size} size put in the place of an open upload is not loaded, and the upload says what is wrong`, async () => {
    const [id, other] = [freshIds(), freshIds()]
    const { load, push } = await openAndStop(flightLines(id, 5), 'replaced.ndjson')
    const tenant = (await keyOf((await stage.push(flightLines(other, 1), { dataset: 'flights' })).id)).split('/')[0]
    const key = `${tenant}/flights/${load}`
    await stage.s3.send(new PutObjectCommand({ Bucket, Key: key, Body: flightLines(other + 1, rows) }))
    await noteOf(key)
    await assert.rejects(push(), (error: unknown) => {
      assert.ok(error instanceof RefusedError)
      assert.equal(error.problem?.code, 'object-changed')
      return true
    })
    // Its completion has begun, so only the object itself tells that it is another one.
    await stage.s3.send(new PutObjectCommand({ Bucket, Key: key, Body: flightLines(other + 1, rows) }))
    await stage.quiet()
    const { state, chunks, bytes } = await receiptOf(load)
    assert.deepEqual([state, chunks.planned, bytes.read], ['receiving', null, 0])
    assert.equal((await stage.countFlights(id, id + 5)) + (await stage.countFlights(other + 1, other + 10)), 0)
  })

test('an upload is completed once, however many ask at the same time', async () => {
  const id = freshIds()
  const text = flightLines(id, 50)
  const options = { dataset: 'flights', format: 'ndjson', compression: 'none', wait: false } as const
  const source = blobSource(new Blob([text]), 'together.ndjson')
  const results = await Promise.all([1, 2, 3].map(() => stage.client.pushFile(source, options)))
  assert.equal(new Set(results.map(({ receipt }) => receipt.id)).size, 1)
  const load = results[0]!.receipt.id
  await Promise.all([1, 2, 3].map(() => stage.client.completeUpload(load)))
  const receipt = await stage.client.waitFor(load)
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 50, loaded: 50 }])
  assert.equal(await stage.countFlights(id, id + 50), 50)
})

test('an aborted upload is not loaded, and the same bytes make a new load', async () => {
  const id = freshIds()
  const text = flightLines(id, 5)
  const { load, push } = await openAndStop(text, 'aborted.ndjson')
  await stage.client.abortUpload(load)
  assert.equal((await receiptOf(load)).state, 'aborted')
  await assert.rejects(stage.client.completeUpload(load), { name: 'RefusedError', status: 409 })
  const { receipt } = await push()
  assert.notEqual(receipt.id, load)
  assert.deepEqual(outcomes(receipt), { received: 5, loaded: 5 })
})

/** Opens an upload and sends nothing; `push` goes on with it. */
async function openAndStop(text: string, name: string) {
  const stop = new AbortController()
  let load = ''
  const onProgress = (progress: Progress) => {
    if (progress.phase !== 'open') return
    load = progress.load
    stop.abort(new Error('stopped'))
  }
  const push = (more: object = {}) =>
    stage.client.pushFile(blobSource(new Blob([text]), name), { dataset: 'flights', format: 'ndjson', compression: 'none', ...more })
  await assert.rejects(push({ onProgress, signal: stop.signal }), /stopped/)
  return { load, push }
}

/** The note in the dead letters; waits until it is there. */
async function noteOf(key: string): Promise<string> {
  for (;;) {
    try {
      const note = await stage.s3.send(
        new GetObjectCommand({ Bucket: setting('MILLRACE_DEAD_LETTERS_BUCKET'), Key: `objects/${key}.json` }),
      )
      return await note.Body!.transformToString()
    } catch (error) {
      if (!(error instanceof NoSuchKey)) throw error
      await sleep(200)
    }
  }
}
