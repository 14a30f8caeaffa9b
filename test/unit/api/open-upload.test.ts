import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenUploadAnswer } from '#core/api/contract.ts'
import * as routes from '#core/api/routes/uploads.ts'
import { type FileLoad, receiptOf } from '#core/loads/load.ts'
import { datasets } from '#datasets'
import { createOpenUpload } from '../../../functions/open-upload/open-upload.ts'
import { callOf, codeOf } from '../../support/call.ts'
import { exampleNow } from '../../support/example-load.ts'

const request = { fileName: 'a.ndjson', size: 10, format: 'ndjson', compression: 'none' } as const

function world() {
  const loads = new Map<string, FileLoad>()
  const uploads = new Set<string>()
  const openUpload = createOpenUpload({
    datasets,
    uploadHours: 168,
    findLoad: async (tenant, id) => (loads.get(id)?.tenant === tenant ? loads.get(id) : undefined),
    insertLoad: async (load) => {
      const there = loads.get(load.id)
      if (!there) loads.set(load.id, load)
      return there
    },
    noteFix: async (id, by) => {
      const fixed = loads.get(id)!
      if (!fixed.fixedBy?.includes(by)) loads.set(id, { ...fixed, fixedBy: [...(fixed.fixedBy ?? []), by] })
    },
    createUpload: async () => {
      const uploadId = `u${uploads.size + 1}`
      uploads.add(uploadId)
      return uploadId
    },
    dropUpload: async ({ uploadId }) => uploads.delete(uploadId),
    now: () => exampleNow,
  })
  const open = (more: { key?: string; body?: object; dataset?: string; tenant?: string; datasets?: string[] } = {}) =>
    openUpload(
      callOf(
        routes.openUpload,
        { dataset: more.dataset ?? 'flights' },
        {
          identity: { tenant: more.tenant ?? 'acme', datasets: more.datasets ?? ['*'] },
          headers: more.key === undefined ? {} : { 'idempotency-key': more.key },
          body: { ...request, ...more.body },
        },
      ),
    )
  return { open, loads, uploads }
}
const idOf = (answer: { json?: unknown }) => (answer.json as OpenUploadAnswer).loadId

test('an upload is opened with its plan, its window and the caller’s trace', async () => {
  const { open, loads } = world()
  const answer = await open({ body: { size: 20_000_000, crc32: '0a0b0c0d', expectedRows: 3 } })
  assert.equal(answer.status, 201)
  const { loadId, partCount, partSize, expiresAt, links } = answer.json as OpenUploadAnswer
  assert.deepEqual([partCount, partSize], [3, 8 * 1024 * 1024])
  assert.equal(Date.parse(expiresAt), exampleNow + 168 * 3_600_000)
  assert.equal(answer.headers?.location, links.self)
  const load = loads.get(loadId)!
  assert.deepEqual(
    [load.declaredCrc32, load.expectedRows, load.state, load.objectKey],
    ['0a0b0c0d', 3, 'receiving', `acme/flights/${loadId}`],
  )
  assert.equal(load.ttl, Math.floor(exampleNow / 1000) + 90 * 86_400)
})

test('without a key every request opens another upload', async () => {
  const { open, loads } = world()
  assert.notEqual(idOf(await open()), idOf(await open()))
  assert.equal(loads.size, 2)
})

test('the same key and request get the first answer again, another request 422', async () => {
  const { open, uploads } = world()
  const first = await open({ key: 'k' })
  const again = await open({ key: 'k' })
  assert.equal(first.headers?.['idempotency-replayed'], undefined)
  assert.equal(again.headers?.['idempotency-replayed'], 'true')
  assert.deepEqual([again.status, again.json], [first.status, first.json])
  assert.equal(await codeOf(open({ key: 'k', body: { size: 11 } })), 'idempotency-key-reused')
  assert.equal(uploads.size, 1)
})

test('a key belongs to its tenant and dataset', async () => {
  const { open } = world()
  const ids = [await open({ key: 'k' }), await open({ key: 'k', tenant: 'other' }), await open({ key: 'k', dataset: 'events' })].map(idOf)
  assert.equal(new Set(ids).size, 3)
})

test('of requests at the same time one opens the upload, and the others leave none behind', async () => {
  const { open, loads, uploads } = world()
  const answers = await Promise.all([1, 2, 3, 4].map(() => open({ key: 'k' })))
  assert.equal(new Set(answers.map(idOf)).size, 1)
  assert.equal(answers.filter(({ headers }) => headers?.['idempotency-replayed']).length, 3)
  assert.deepEqual([...uploads], [[...loads.values()][0]!.uploadId])
})

test('what cannot become a load is refused before anything is opened', async () => {
  const { open, uploads } = world()
  assert.equal(await codeOf(open({ body: { size: 0 } })), 'empty-file')
  assert.equal(await codeOf(open({ body: { size: 1024 ** 4 + 1 } })), 'file-too-large')
  assert.equal(await codeOf(open({ dataset: 'nothing' })), 'dataset-not-found')
  assert.equal(await codeOf(open({ datasets: ['events'] })), 'dataset-forbidden')
  assert.equal(await codeOf(open({ key: 'ä' })), 'idempotency-key-invalid')
  assert.equal(await codeOf(open({ key: '' })), 'idempotency-key-invalid')
  assert.equal(uploads.size, 0)
})

test('a CSV dialect is kept with the load, and goes only with format csv', async () => {
  const { open, loads } = world()
  const body = routes.openUpload.body.parse({
    ...request,
    format: 'csv',
    csv: { delimiter: ';', null: '\\N', header: false, columns: ['id'] },
  })
  const load = loads.get(idOf(await open({ body })))
  assert.deepEqual(load?.csv, { delimiter: ';', quote: '"', null: '\\N', header: false, columns: ['id'] })
  assert.equal(await codeOf(open({ body: { ...body, format: 'ndjson' } })), 'invalid-request')
})

test('a dialect that contradicts itself is refused', () => {
  const refused = (csv: object) => !routes.openUpload.body.safeParse({ ...request, format: 'csv', csv }).success
  for (const csv of [
    { delimiter: '' },
    { delimiter: ';;' },
    { delimiter: 'é' },
    { delimiter: '\n' },
    { quote: '\r' },
    { delimiter: '"' },
    { delimiter: ';', quote: ';' },
    { null: 'a,b' },
    { null: '"' },
    { null: '\n' },
    { columns: ['id'] },
    { header: false, columns: ['id', 'id'] },
    { escape: '\\' },
  ])
    assert.ok(refused(csv), JSON.stringify(csv))
  assert.ok(!refused({}) && !refused({ delimiter: '\t', quote: "'", null: 'NULL' }))
})

test('a file that corrects the rejects of a load is linked with it, once, however often it is asked for', async () => {
  const { open, loads } = world()
  const old = idOf(await open())
  const body = { fixes: old, size: 11 }
  const fix = idOf(await open({ key: 'k', body }))
  assert.equal(idOf(await open({ key: 'k', body })), fix)
  assert.deepEqual(receiptOf(loads.get(old)!, exampleNow).links.fixedBy, [`/v1/loads/${fix}`])
  assert.equal(receiptOf(loads.get(fix)!, exampleNow).links.fixes, `/v1/loads/${old}`)
})

test('a link that was cut off is mended by the same request again', async () => {
  const { open, loads } = world()
  const old = idOf(await open())
  const fix = idOf(await open({ key: 'k', body: { fixes: old } }))
  const { fixedBy, ...unlinked } = loads.get(old)!
  loads.set(old, unlinked)
  await open({ key: 'k', body: { fixes: old } })
  assert.deepEqual(loads.get(old)?.fixedBy, [fix])
})

test('only a load of the same tenant and dataset can be corrected', async () => {
  const { open } = world()
  const old = idOf(await open())
  assert.equal(await codeOf(open({ body: { fixes: `ld_${'1'.repeat(26)}` } })), 'fixes-invalid')
  assert.equal(await codeOf(open({ body: { fixes: old }, tenant: 'other' })), 'fixes-invalid')
  assert.equal(await codeOf(open({ body: { fixes: old }, dataset: 'events' })), 'fixes-invalid')
})

test('maxRejects of the request, else none, is fixed with the load', async () => {
  const { open, loads } = world()
  assert.equal(loads.get(idOf(await open({ body: { maxRejects: '1%' } })))?.maxRejects, '1%')
  assert.equal(loads.get(idOf(await open()))?.maxRejects, undefined)
})
