import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import * as z from 'zod'
import type { CallOf } from '#core/api/call.ts'
import { pageLimit } from '#core/api/contract.ts'
import { ConfigurationError, RequestError } from '#core/errors.ts'
import { on, serve } from '#platform/api.ts'
import { createIdentify } from '#platform/authenticate.ts'
import { readRowBytes } from '#platform/request.ts'
import { gatewayEvent, lambda } from '../../support/gateway-event.ts'

const route = {
  id: 'example',
  method: 'POST',
  path: '/v1/things/{thing}',
  access: 'key',
  summary: 'For tests',
  body: z.strictObject({ count: z.int().min(1), tags: z.array(z.string()).optional() }),
  query: z.strictObject({ limit: pageLimit(10, 5) }),
  answers: { 200: { doc: 'Fine' } },
  problems: [],
} as const
const open = { id: 'open', method: 'GET', path: '/v1/open', access: 'anyone', summary: 'For all', answers: {}, problems: [] } as const

const secret = `mr_${'k'.repeat(43)}`
const findKey = async (key: string) => (key === secret ? { tenant: 'acme', datasets: ['flights'], createdAt: '' } : undefined)
const identify = createIdentify({ gatewayAuthenticates: false, findKey })

function server(
  action: (call: CallOf<typeof route>) => Promise<object> = async ({ identity, params, query, body }) => ({
    identity,
    params,
    query,
    body,
  }),
) {
  return serve(
    { requestsPerSecond: 50, identify },
    on(route, async (call) => ({ status: 200, json: await action(call) })),
    on(open, async () => ({ status: 200, json: { open: true } })),
  )
}
const good = (more: Parameters<typeof gatewayEvent>[2] = {}) =>
  gatewayEvent('POST', '/v1/things/{thing}', { params: { thing: 't' }, key: secret, body: { count: 2 }, ...more })

async function problemOf(event: APIGatewayProxyEvent, handler = server()) {
  const { statusCode, headers = {}, body } = await handler(event, lambda('lambda-1'))
  assert.equal(headers['content-type'], 'application/problem+json')
  const problem = JSON.parse(body)
  assert.equal(problem.status, statusCode)
  assert.equal(problem.instance, `urn:millrace:request:${headers['x-request-id']}`)
  return { ...problem, headers, text: body }
}

test('a valid request reaches the action parsed, with defaults, and is answered with the common headers', async () => {
  const { statusCode, headers = {}, body } = await server()(good(), lambda('lambda-1'))
  assert.equal(statusCode, 200)
  assert.deepEqual(JSON.parse(body), {
    identity: { tenant: 'acme', datasets: ['flights'] },
    params: { thing: 't' },
    query: { limit: 5 },
    body: { count: 2 },
  })
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['x-request-id'], 'request-1')
  assert.equal(headers['ratelimit-policy'], '"stage";q=50;w=1')
})

test('each fault of a body is pointed at', async () => {
  const problem = await problemOf(good({ body: { count: 0, tags: ['a', 1], 'a/b~': 1 } }))
  assert.equal(problem.code, 'invalid-request')
  assert.deepEqual(problem.errors.map((e: { pointer: string }) => e.pointer).sort(), ['/a~1b~0', '/count', '/tags/1'])
})

test('a query is checked, and a name given twice is a fault', async () => {
  const twice = await problemOf(good({ multiValueQueryStringParameters: { limit: ['1', '2'] } }))
  assert.deepEqual(twice.errors[0].pointer, '/query/limit')
  for (const limit of ['0', '11', '0x10', '1e1', '', ' 5', '5.0', '-1']) {
    const wrong = await problemOf(good({ queryStringParameters: { limit } }))
    assert.equal(wrong.errors?.[0].pointer, '/query/limit', `limit=${limit}`)
  }
  const unknown = await problemOf(good({ queryStringParameters: { color: 'red' } }))
  assert.deepEqual(unknown.errors[0].pointer, '/query/color')
})

test('what is not JSON, not UTF-8 or not there is no body', async () => {
  for (const body of ['{', '', null, 'NaN']) assert.equal((await problemOf({ ...good(), body })).code, 'invalid-json-body')
  const latin = Buffer.from('{"count":1,"tags":["\xe4"]}', 'latin1').toString('base64')
  assert.equal((await problemOf({ ...good(), body: latin, isBase64Encoded: true })).code, 'invalid-json-body')
})

test('a base64 body is decoded', async () => {
  const body = Buffer.from('{"count":7}').toString('base64')
  const answer = await server()({ ...good(), body, isBase64Encoded: true }, lambda('x'))
  assert.equal(JSON.parse(answer.body).body.count, 7)
})

test('a body over 1 MiB is refused before it is parsed', async () => {
  const body = `{"count":1${' '.repeat(1024 * 1024)}}`
  assert.equal((await problemOf({ ...good(), body })).code, 'body-too-large')
})

test('without a valid key nothing runs; open routes need none', async () => {
  let ran = false
  const handler = server(async () => {
    ran = true
    return {}
  })
  for (const authorization of [undefined, 'Bearer nonsense', `Bearer mr_${'x'.repeat(43)}`]) {
    const problem = await problemOf({ ...good(), headers: authorization ? { Authorization: authorization } : {} }, handler)
    assert.equal(problem.code, 'unauthenticated')
    assert.equal(problem.headers['www-authenticate'], 'Bearer')
  }
  assert.equal(ran, false)
  assert.equal((await handler(gatewayEvent('GET', '/v1/open'), lambda('x'))).statusCode, 200)
})

test('authorizer context is believed only where the gateway authenticates, and demanded there', async () => {
  const context = { principalId: 'evil', tenant: 'evil', datasets: '*' }
  const found = await identify(`Bearer ${secret}`, context)
  assert.equal(found.tenant, 'acme')
  await assert.rejects(identify(undefined, context), RequestError)

  const behind = createIdentify({ gatewayAuthenticates: true, findKey: () => assert.fail('the authorizer has looked already') })
  assert.deepEqual(await behind(undefined, { principalId: 'a', tenant: 'acme', datasets: 'flights,events' }), {
    tenant: 'acme',
    datasets: ['flights', 'events'],
  })
  await assert.rejects(behind(`Bearer ${secret}`, undefined), ConfigurationError)
  await assert.rejects(behind(`Bearer ${secret}`, { principalId: 'a' }), ConfigurationError)
})

test('an unknown error becomes a 500 that tells nothing of it', async () => {
  const problem = await problemOf(
    good(),
    server(async () => assert.fail('password=hunter2')),
  )
  assert.equal(problem.code, 'internal')
  assert.doesNotMatch(problem.text, /hunter2/)
  assert.match(problem.detail, /request-1/)
})

test('a throttle or an outage behind the API becomes a 503 with Retry-After', async () => {
  const throttled = Object.assign(new Error('slow'), { name: 'ProvisionedThroughputExceededException', $metadata: { httpStatusCode: 400 } })
  const down = Object.assign(new Error('down'), { name: 'InternalServerError', $metadata: { httpStatusCode: 500 } })
  const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
  for (const error of [throttled, down, refused]) {
    const problem = await problemOf(
      good(),
      server(() => Promise.reject(error)),
    )
    assert.equal(problem.code, 'unavailable')
    assert.ok(Number(problem.headers['retry-after']) >= 1)
  }
})

test('a RequestError is answered as it says', async () => {
  const error = new RequestError('upload-busy', 'Busy', { retryAfter: 1.2, errors: [{ pointer: '/a', detail: 'b' }] })
  const problem = await problemOf(
    good(),
    server(() => Promise.reject(error)),
  )
  assert.deepEqual([problem.status, problem.code, problem.detail, problem.headers['retry-after']], [409, 'upload-busy', 'Busy', '2'])
})

test('a route that the function does not serve is a 404', async () => {
  assert.equal((await problemOf(gatewayEvent('DELETE', '/v1/open'))).code, 'route-not-found')
})

test('a valid traceparent is kept, another one replaced', async () => {
  const seen: string[] = []
  const handler = server(async ({ traceparent }) => {
    seen.push(traceparent)
    return {}
  })
  const given = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const { headers } = good()
  await handler({ ...good(), headers: { ...headers, Traceparent: given } }, lambda('x'))
  await handler({ ...good(), headers: { ...headers, traceparent: 'nonsense' } }, lambda('x'))
  assert.equal(seen[0], given)
  assert.match(seen[1]!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})

test('one line a request, with neither key nor body in it', async (t) => {
  const lines: string[] = []
  for (const stream of [process.stdout, process.stderr])
    t.mock.method(stream, 'write', (line: string) => {
      lines.push(line)
      return true
    })
  await server()(good(), lambda('x'))
  await server(async () => assert.fail('broken'))(good(), lambda('x'))
  t.mock.restoreAll()
  assert.equal(lines.length, 2)
  const [fine, broken] = lines.map((line) => JSON.parse(line))
  for (const key of ['method', 'route', 'status', 'ms', 'tenant', 'requestId', 'trace']) assert.ok(key in fine, key)
  assert.equal(broken.status, 500)
  assert.match(broken.error.message, /broken/)
  assert.doesNotMatch(lines.join(), new RegExp(`${secret}|count`))
})

test('rows that the gateway made text of: a character that stands for lost bytes is none that was sent', () => {
  const event = (body: string, isBase64Encoded = false) => ({ body, isBase64Encoded })
  assert.deepEqual(
    readRowBytes(event('[{"name":"M\ufffdller"},{"name":"Öde"}]'), 1000),
    Buffer.concat([Buffer.from('[{"name":"M'), Buffer.from([0xff]), Buffer.from('ller"},{"name":"Öde"}]')]),
  )
  const sent = Buffer.from('{"name":"\ufffd"}')
  assert.deepEqual(readRowBytes(event(sent.toString('base64'), true), 1000), sent)
})
