import assert from 'node:assert/strict'
import { test } from 'node:test'
import { receiptAnswer } from '#core/api/answers.ts'
import * as datasetRoutes from '#core/api/routes/datasets.ts'
import * as loadRoutes from '#core/api/routes/loads.ts'
import * as serviceRoutes from '#core/api/routes/service.ts'
import { RequestError } from '#core/errors.ts'
import { datasets } from '#datasets'
import { createAuthorize } from '../../../functions/authorize/authorize.ts'
import { createShowReadiness } from '../../../functions/check-health/check-health.ts'
import { createListDatasets, createShowDataset } from '../../../functions/show-datasets/show-datasets.ts'
import { createShowLoad } from '../../../functions/show-load/show-load.ts'
import { callOf, codeOf } from '../../support/call.ts'
import { exampleBatch, exampleLoad, exampleNow } from '../../support/example-load.ts'

const { id } = exampleLoad()
const now = () => exampleNow

test('a receipt has an ETag, and 304 is answered to whoever holds it until anything changes', async () => {
  let load = exampleLoad()
  const showLoad = createShowLoad({ findLoad: async () => load, now })
  const ask = (headers: Record<string, string> = {}) => showLoad(callOf(loadRoutes.showLoad, { load: id }, { headers }))
  const { headers = {}, text } = await ask()
  assert.equal(JSON.parse(text!.body).id, id)
  const again = await ask({ 'if-none-match': headers.etag! })
  assert.deepEqual([again.status, again.text, again.headers?.etag], [304, undefined, headers.etag])
  load = { ...load, loaded: 1, received: 1 }
  assert.equal((await ask({ 'if-none-match': headers.etag! })).status, 200)
})

test('the receipt of a batch knows its rows before any is committed, and has no file', async () => {
  const load = exampleBatch({ state: 'loading', committed: 1, received: 120, loaded: 119, rejected: 1 })
  const { text } = await createShowLoad({ findLoad: async () => load, now })(callOf(loadRoutes.showLoad, { load: id }))
  const receipt = receiptAnswer.parse(JSON.parse(text!.body))
  assert.deepEqual([receipt.door, receipt.fileName, receipt.chunks], ['batch', null, { planned: 3, committed: 1 }])
  assert.deepEqual(receipt.rows, { received: 300, loaded: 119, updated: 0, duplicate: 0, rejected: 1, pending: 180 })
})

test('a key sees its datasets; another one is forbidden, an unknown one not found', async () => {
  const identity = { tenant: 'acme', datasets: ['flights'] }
  const { json } = await createListDatasets(datasets)(callOf(datasetRoutes.listDatasets, {}, { identity }))
  assert.deepEqual(
    (json as { items: { name: string }[] }).items.map(({ name }) => name),
    ['flights'],
  )
  const show = (dataset: string) => createShowDataset(datasets)(callOf(datasetRoutes.showDataset, { dataset }, { identity }))
  assert.equal((await show('flights')).status, 200)
  assert.equal(await codeOf(show('events')), 'dataset-forbidden')
  assert.equal(await codeOf(show('toString')), 'dataset-not-found')
})

test('readiness names the parts that do not answer, and not why in their words', async () => {
  const ready = createShowReadiness({ table: async () => 1, rejects: () => Promise.reject(new TypeError('secret arn')) })
  const error = await ready(callOf(serviceRoutes.showReadiness, {})).then(
    () => undefined,
    (e) => e,
  )
  assert.ok(error instanceof RequestError)
  assert.deepEqual(
    error.problem.errors?.map(({ pointer }) => pointer),
    ['/parts/rejects'],
  )
  assert.doesNotMatch(JSON.stringify(error.problem), /secret/)
  assert.deepEqual((await createShowReadiness({ table: async () => 1 })(callOf(serviceRoutes.showReadiness, {}))).json, {
    status: 'ok',
    parts: { table: 'ok' },
  })
})

test('the authorizer permits every route of the stage for a known key, and is "Unauthorized" otherwise', async () => {
  const authorize = createAuthorize({
    authenticate: async (header) => (header === 'Bearer good' ? { tenant: 'acme', datasets: ['*'] } : undefined),
    toContext: ({ tenant }) => ({ tenant }),
  })
  const methodArn = 'arn:aws:execute-api:us-east-1:123456789012:abc/production/GET/v1/loads'
  const answer = await authorize({ methodArn, headers: { AUTHORIZATION: 'Bearer good' } })
  assert.equal(answer.policyDocument.Statement[0]?.Resource, 'arn:aws:execute-api:us-east-1:123456789012:abc/production/*')
  assert.deepEqual(answer.context, { tenant: 'acme' })
  await assert.rejects(authorize({ methodArn, headers: {} }), { message: 'Unauthorized' })
  await assert.rejects(authorize({ methodArn, headers: null }), { message: 'Unauthorized' })
})
