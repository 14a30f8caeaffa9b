import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connectionOf } from '../../../localstack/database.ts'
import { apiUrl, detectEmulator, parseEndpoint, queueUrl } from '../../../localstack/endpoint.ts'

async function withServer(paths: readonly string[], run: (endpoint: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => response.writeHead(paths.includes(request.url ?? '') ? 200 : 404).end('{}'))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('MiniStack answers both health paths', () =>
  withServer(['/_ministack/health', '/_localstack/health'], async (endpoint) => assert.equal(await detectEmulator(endpoint), 'ministack')))

test('LocalStack answers only its own', () =>
  withServer(['/_localstack/health'], async (endpoint) => assert.equal(await detectEmulator(endpoint), 'localstack')))

test('another server is neither', () => withServer([], async (endpoint) => assert.equal(await detectEmulator(endpoint), undefined)))

test('nobody there is neither', async () => assert.equal(await detectEmulator('http://127.0.0.1:1'), undefined))

test('an endpoint loses its slash and path; anything but http is refused', () => {
  assert.equal(parseEndpoint('http://localhost:4566/'), 'http://localhost:4566')
  assert.throws(() => parseEndpoint('ftp://localhost'), TypeError)
  assert.throws(() => parseEndpoint('localhost:4566'), TypeError)
})

test('URLs are rewritten to the endpoint', () => {
  assert.equal(apiUrl('http://h:1', 'abc', 'local'), 'http://h:1/_aws/execute-api/abc/local')
  assert.equal(queueUrl('http://h:1', 'http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q'), 'http://h:1/000000000000/q')
})

test('a database URL becomes what the secret holds', () => {
  assert.deepEqual(connectionOf('postgres://us%40r:p%2Fw@[::1]:5433/rows?sslmode=require'), {
    host: '::1',
    port: 5433,
    dbname: 'rows',
    username: 'us@r',
    password: 'p/w',
    tls: true,
  })
  assert.equal(connectionOf('postgresql://u:p@h').port, 5432)
  assert.equal(connectionOf('postgresql://u:p@h').dbname, 'millrace')
  for (const wrong of ['', 'h:5432', 'mysql://u:p@h/x', 'postgres://h/x']) assert.throws(() => connectionOf(wrong), /postgres:\/\/USER/)
})
