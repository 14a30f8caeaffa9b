import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { datasetAnswer, datasetPage, healthAnswer } from '#core/api/answers.ts'
import { makeApiKey } from '#core/api/api-key.ts'
import { routes } from '#core/api/routes/all.ts'
import { datasets } from '#datasets'
import { door, newTenant } from '../support/door.ts'
import { setting } from '../support/stage.ts'

const { ask, key } = await newTenant()
const nobody = door(undefined)

test('every route with a key refuses to run without a valid one, in problem+json', async () => {
  for (const { method, path, access } of routes) {
    const request = `${method} ${path
      .replace('{dataset}', 'flights')
      .replace('{load}', `ld_${'0'.repeat(26)}`)
      .replace('{chunk}', '0')}`
    if (access === 'anyone') {
      assert.equal((await nobody(request)).status, 200, request)
      continue
    }
    for (const stranger of [nobody, door(makeApiKey()), door('nonsense')]) {
      const { status, problem } = await stranger(request)
      assert.deepEqual([status, problem.code], [401, 'unauthenticated'], request)
    }
  }
})

test('the contract that is served is the one that is documented', async () => {
  const served = await nobody('GET /v1/openapi.json')
  const documented = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  assert.deepEqual(JSON.parse(served.text), JSON.parse(documented))
})

test('datasets with their JSON Schema, keys and limits', async () => {
  const { items } = (await ask('GET /v1/datasets')).as(datasetPage)
  assert.deepEqual(
    items.map(({ name }) => name),
    [...datasets.keys()],
  )
  const flights = (await ask('GET /v1/datasets/flights')).as(datasetAnswer)
  assert.deepEqual(flights.primaryKey, ['id'])
  assert.deepEqual((flights.schema as { required: string[] }).required, Object.keys(datasets.get('flights')!.columns))
  assert.equal((await ask('GET /v1/datasets/nothing')).problem.code, 'dataset-not-found')
  const { ask: limited } = await newTenant(['events'])
  assert.deepEqual(
    (await limited('GET /v1/datasets')).as(datasetPage).items.map(({ name }) => name),
    ['events'],
  )
  assert.equal((await limited('GET /v1/datasets/flights')).problem.code, 'dataset-forbidden')
})

test('health: alive, and ready with every part named', async () => {
  assert.deepEqual((await nobody('GET /v1/health/live')).as(healthAnswer).parts, {})
  assert.deepEqual(Object.keys((await nobody('GET /v1/health/ready')).as(healthAnswer).parts), [
    'table',
    'database',
    'uploads',
    'rejects',
    'stream',
    'planQueue',
  ])
})

test('a route that does not exist is a problem too, where the gateway has its responses', async () => {
  const response = await fetch(`${setting('MILLRACE_URL')}/v1/nothing`, { headers: { authorization: `Bearer ${key}` } })
  const body = await response.text()
  assert.ok(response.status === 404 || response.status === 403, body)
  // LocalStack applies no gateway responses; that the template has them is tested in test/infra.
  if (response.headers.get('content-type') === 'application/problem+json') assert.equal(JSON.parse(body).code, 'route-not-found')
})

test('a body over 1 MiB is refused', async () => {
  const answer = await ask('POST /v1/datasets/flights/uploads', { body: `{"fileName":"${'x'.repeat(1024 * 1024)}"}` })
  assert.equal(answer.problem.code, 'body-too-large')
})

test('every answer of ours tells the policy of its rate, and its request id', async () => {
  for (const answer of [await ask('GET /v1/loads'), await ask('GET /v1/loads/ld_x'), await nobody('GET /v1/health/live')]) {
    assert.match(answer.headers.get('ratelimit-policy') ?? '', /^"stage";q=\d+;w=1$/)
    assert.match(answer.headers.get('x-request-id') ?? '', /^[\w-]{8,}$/)
  }
})
