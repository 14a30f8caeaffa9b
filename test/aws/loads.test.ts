import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { loadPage, receiptAnswer, rejectPage, replayAnswer } from '#core/api/answers.ts'
import { LoadError } from '#core/errors.ts'
import { chunkKey, type FileLoad, type Load, loadKey, objectKey, rejectsKey } from '#core/loads/load.ts'
import { randomLoadId } from '#core/loads/load-id.ts'
import { insertLoad } from '#platform/dynamodb/loads.ts'
import { failLoad, finishLoad, getLoad, noteWaiting, projectChunk } from '#platform/dynamodb/projection.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { type Ask, blankLines, newTenant, openFor, putParts, table } from '../support/door.ts'
import { exampleChunk, exampleLoad } from '../support/example-load.ts'
import { setting } from '../support/stage.ts'

/** Ages count from here: on a slow machine two loads may be added more than a second apart. */
const began = Date.now()

async function addLoad(tenant: string, ageSeconds: number, more: Partial<FileLoad> = {}): Promise<Load> {
  const id = randomLoadId()
  const load = exampleLoad({
    id,
    tenant,
    objectKey: objectKey({ tenant, dataset: 'flights', id }),
    createdAt: new Date(began - ageSeconds * 1000).toISOString(),
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    ttl: Math.floor(Date.now() / 1000) + 600,
    ...more,
  })
  assert.equal(await insertLoad(table())(load), undefined)
  return load
}

async function allPages(ask: Ask, query: string): Promise<string[][]> {
  const pages: string[][] = []
  for (let cursor = ''; ; ) {
    const page = (await ask(`GET /v1/loads?${query}${cursor}`)).as(loadPage)
    pages.push(page.items.map(({ id }) => id))
    if (page.next === null) return pages
    cursor = `&cursor=${page.next}`
  }
}

test('a tenant’s loads come newest first, in pages that neither repeat nor skip, while new ones arrive', async () => {
  const { tenant, ask } = await newTenant()
  const ids: string[] = []
  for (let age = 0; age < 25; age++) ids.push((await addLoad(tenant, age)).id)
  const first = (await ask('GET /v1/loads?limit=10')).as(loadPage)
  await addLoad(tenant, -5)
  const rest: string[] = []
  for (let next = first.next; next !== null; ) {
    const page = (await ask(`GET /v1/loads?limit=10&cursor=${next}`)).as(loadPage)
    rest.push(...page.items.map(({ id }) => id))
    next = page.next
  }
  assert.deepEqual([...first.items.map(({ id }) => id), ...rest], ids)
  assert.equal((await ask('GET /v1/loads')).as(loadPage).items.length, 20)
})

test('exactly full pages end without an empty one', async () => {
  const { tenant, ask } = await newTenant()
  for (let age = 0; age < 6; age++) await addLoad(tenant, age)
  assert.deepEqual((await allPages(ask, 'limit=3')).map((page) => page.length).filter(Boolean), [3, 3])
})

test('filters: dataset, state, and expired, which is computed', async () => {
  const { tenant, ask } = await newTenant()
  const past = new Date(Date.now() - 1000).toISOString()
  const receiving = await addLoad(tenant, 1)
  const expired = await addLoad(tenant, 2, { expiresAt: past })
  const complete = await addLoad(tenant, 3, { state: 'complete', expiresAt: past })
  const events = await addLoad(tenant, 4, { dataset: 'events', state: 'complete' })
  const found = async (query: string) => (await allPages(ask, query)).flat()
  assert.deepEqual(await found('state=receiving'), [receiving.id])
  assert.deepEqual(await found('state=expired'), [expired.id])
  assert.deepEqual(await found('state=complete'), [complete.id, events.id])
  assert.deepEqual(await found('state=complete&dataset=events&limit=1'), [events.id])
  assert.deepEqual(await found('dataset=readings'), [])
  assert.deepEqual(await found('limit=1'), [receiving.id, expired.id, complete.id, events.id])
})

test('a filter that matches little still finds all of it, page by page', async () => {
  const { tenant, ask } = await newTenant()
  const wanted: string[] = []
  for (let age = 0; age < 60; age++) {
    const failed = age % 17 === 0
    const load = await addLoad(tenant, age, failed ? { state: 'failed' } : {})
    if (failed) wanted.push(load.id)
  }
  assert.deepEqual((await allPages(ask, 'state=failed&limit=2')).flat(), wanted)
})

test('cursors of another tenant or filter, and what is none, are refused', async () => {
  const { tenant, ask } = await newTenant()
  const other = await newTenant()
  for (let age = 0; age < 3; age++) await addLoad(tenant, age)
  const { next } = (await ask('GET /v1/loads?limit=1')).as(loadPage)
  for (const answer of [
    await other.ask(`GET /v1/loads?cursor=${next}`),
    await ask(`GET /v1/loads?state=complete&cursor=${next}`),
    await ask('GET /v1/loads?cursor=nonsense'),
    await ask('GET /v1/loads?cursor='),
  ]) {
    assert.deepEqual([answer.status, answer.problem.errors?.[0]?.pointer], [400, '/query/cursor'], answer.text)
  }
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'state=odd', 'color=red'])
    assert.equal((await ask(`GET /v1/loads?${query}`)).problem.code, 'invalid-request', query)
})

test('another tenant’s load is not found, on any route, whatever its state', async () => {
  const { tenant } = await newTenant()
  const { ask } = await newTenant()
  for (const state of ['receiving', 'complete'] as const) {
    const { id } = await addLoad(tenant, 1, { state })
    for (const request of [
      `GET /v1/loads/${id}`,
      `GET /v1/loads/${id}/rejects`,
      `GET /v1/loads/${id}/rejects?download=true`,
      `GET /v1/uploads/${id}`,
      `POST /v1/uploads/${id}/complete`,
      `DELETE /v1/uploads/${id}`,
    ])
      assert.equal((await ask(request)).problem.code, 'load-not-found', request)
    assert.equal((await ask(`POST /v1/loads/${id}/replay`, { body: {} })).problem.code, 'load-not-found')
    const parts = [{ number: 1, size: 5, crc32: '00000000' }]
    assert.equal((await ask(`POST /v1/uploads/${id}/parts`, { body: parts })).problem.code, 'load-not-found')
  }
})

test('what is no id of a load is not found, however long and odd it is', async () => {
  const { ask } = await newTenant()
  for (const id of ['ld_nonsense', 'x'.repeat(5000), 'KEY%23abc', '%00', 'LOAD%23', '%D0%BB%D0%B4'])
    for (const request of [`GET /v1/loads/${id}`, `GET /v1/uploads/${id}`, `DELETE /v1/uploads/${id}`, `GET /v1/loads/${id}/rejects`])
      assert.equal((await ask(request)).problem.code, 'load-not-found', request.slice(0, 50))
})

test('a receipt has a strong ETag; 304 until something changes', async () => {
  const { ask } = await newTenant()
  const upload = await openFor(ask, blankLines(100))
  const first = await ask(`GET ${upload.links.receipt}`)
  const etag = first.headers.get('etag')!
  assert.match(etag, /^"[\w-]+"$/)
  const same = await ask(`GET ${upload.links.receipt}`, { headers: { 'if-none-match': etag } })
  assert.deepEqual([same.status, same.text, same.headers.get('etag')], [304, '', etag])
  await ask(`DELETE ${upload.links.self}`)
  const changed = await ask(`GET ${upload.links.receipt}`, { headers: { 'if-none-match': etag } })
  assert.deepEqual([changed.status, changed.as(receiptAnswer).state], [200, 'aborted'])
  assert.notEqual(changed.headers.get('etag'), etag)
})

test('the caller’s traceparent is kept with the load', async () => {
  const { ask } = await newTenant()
  const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`
  const body = { fileName: 'a', size: 5, format: 'csv' }
  const { links } = JSON.parse((await ask('POST /v1/datasets/flights/uploads', { headers: { traceparent }, body })).text)
  assert.equal((await ask(`GET ${links.receipt}`)).as(receiptAnswer).trace, traceparent)
})

test('a load past its TTL is gone, deleted or not', async () => {
  const { tenant, ask } = await newTenant()
  const { id } = await addLoad(tenant, 1, { ttl: Math.floor(Date.now() / 1000) - 1 })
  assert.equal((await ask(`GET /v1/loads/${id}`)).problem.code, 'load-not-found')
  assert.deepEqual((await ask('GET /v1/loads')).as(loadPage).items, [])
})

test('rejects come with lines of the file, in pages, as NDJSON, and as one download', async () => {
  const { tenant, ask } = await newTenant()
  const load = await addLoad(tenant, 1, { state: 'complete', committed: 3, planned: 3, rejected: 5 })
  const bucket = openBucket(setting('MILLRACE_REJECTS_BUCKET'))
  const { name, client } = table()
  for (const [chunk, lines] of [
    [0, [2, 7]],
    [1, []],
    [2, [1, 3, 4]],
  ] as const) {
    const result = exampleChunk(chunk, { lines: 100, rejected: lines.length, last: chunk === 2 })
    await client.send(new PutCommand({ TableName: name, Item: { ...chunkKey(load.id, chunk), ...result, ttl: load.ttl } }))
    const reject = { offset: 0, column: null, code: 'invalid-json', message: 'no', raw: 'é{', truncated: false }
    const body = lines.map((line) => `${JSON.stringify({ line, ...reject })}\n`).join('')
    if (body) await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: rejectsKey(load, chunk), Body: body }))
  }
  const found: (number | null)[] = []
  for (let cursor = ''; ; ) {
    const page = (await ask(`GET /v1/loads/${load.id}/rejects?limit=2${cursor}`, { headers: { accept: 'application/json' } })).as(
      rejectPage,
    )
    found.push(...page.items.map(({ line }) => line))
    if (page.next === null) break
    cursor = `&cursor=${page.next}`
  }
  assert.deepEqual(found, [2, 7, 201, 203, 204])

  const text = await ask(`GET /v1/loads/${load.id}/rejects?limit=2`)
  assert.equal(text.headers.get('content-type'), 'application/x-ndjson')
  assert.equal(text.text.trim().split('\n').length, 2)
  assert.match(text.headers.get('link') ?? '', /rel="next"/)

  const { status, headers } = await ask(`GET /v1/loads/${load.id}/rejects?download=true`)
  assert.equal(status, 303)
  const file = await fetch(headers.get('location')!)
  assert.match(file.headers.get('content-disposition') ?? '', /attachment; filename="ld_\w+-rejects\.ndjson"/)
  assert.deepEqual(
    (await file.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).line),
    found,
  )
  assert.equal((await ask(`GET /v1/loads/${load.id}/rejects?cursor=nonsense`)).problem.code, 'invalid-request')
})

test('rejects whose objects are deleted are said to be gone', async () => {
  const { tenant, ask } = await newTenant()
  const load = await addLoad(tenant, 1, { state: 'complete', committed: 1, rejected: 1 })
  await table().client.send(
    new PutCommand({ TableName: table().name, Item: { ...chunkKey(load.id, 0), ...exampleChunk(0, { rejected: 1 }), ttl: load.ttl } }),
  )
  assert.equal((await ask(`GET /v1/loads/${load.id}/rejects`)).problem.code, 'rejects-expired')
})

async function settled(ask: Ask, path: string) {
  for (;;) {
    const receipt = (await ask(`GET ${path}`)).as(receiptAnswer)
    if (receipt.state !== 'loading' && receipt.state !== 'receiving') return receipt
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

test('a failed load is replayed: dry by default, and it ends as what it is', async () => {
  const { ask } = await newTenant()
  const bytes = blankLines(1000)
  const upload = await openFor(ask, bytes, { expectedRows: 7 })
  await putParts(ask, upload, bytes)
  await ask(`POST ${upload.links.complete}`)
  const before = await settled(ask, upload.links.receipt)
  assert.deepEqual([before.state, before.problem?.code], ['failed', 'row-count-mismatch'])

  const dry = await ask(`POST ${upload.links.receipt}/replay`, { body: {} })
  assert.deepEqual([dry.status, dry.as(replayAnswer).would], [200, 'plan'])
  assert.deepEqual(await settled(ask, upload.links.receipt), before)

  const real = await ask(`POST ${upload.links.receipt}/replay`, { body: { dryRun: false } })
  assert.equal(real.status, 202)
  assert.equal(real.as(receiptAnswer).state, 'loading')
  const after = await settled(ask, upload.links.receipt)
  assert.deepEqual([after.state, after.problem, after.rows], [before.state, before.problem, before.rows])
})

test('a complete load, and an upload without object, cannot be replayed', async () => {
  const { tenant, ask } = await newTenant()
  for (const state of ['complete', 'receiving', 'failed'] as const) {
    const { id } = await addLoad(tenant, 1, { state })
    assert.equal((await ask(`POST /v1/loads/${id}/replay`, { body: { dryRun: false } })).problem.code, 'load-not-replayable', state)
  }
})

test('a load whose key was used before, longer ago than it is kept, is shown chunk by chunk like any other', async () => {
  const past = Math.floor(Date.now() / 1000) - 10
  const { id } = await addLoad('acme', 0, { ttl: past })
  const chunk = exampleChunk(0, { last: true })
  await projectChunk(table(), { id, ttl: past }, chunk)
  const again = await addLoad('acme', 0, { id, state: 'loading', size: 0, uploadedCrc32: '00000000' })
  for (let i = 0; i < 2; i++) await projectChunk(table(), again, chunk)
  await finishLoad(table(), id)
  const { state, committed, received } = (await getLoad(table(), id))!
  assert.deepEqual([state, committed, received], ['complete', 1, chunk.received])
})

test('what chunks passed over is added up once each, also by many at once, and never becomes more than is listed', async () => {
  const load = await addLoad((await newTenant()).tenant, 0, { state: 'loading', planned: 12 })
  const chunks = Array.from({ length: 12 }, (_, chunk) => {
    const byName = [{ name: 'gate', rows: 9 }, ...Array.from({ length: 8 }, (_, i) => ({ name: `k${chunk * 8 + i}`, rows: 1 }))]
    return exampleChunk(chunk, chunk === 5 ? {} : { ignored: { byName, others: 2 } })
  })
  await Promise.all([...chunks, ...chunks].map((chunk) => projectChunk(table(), load, chunk)))
  await projectChunk(table(), load, chunks[0]!)
  const { committed, ignored } = (await getLoad(table(), load.id))!
  assert.deepEqual([committed, ignored?.byName.length, ignored?.byName[0]], [12, 50, { name: 'gate', rows: 11 * 9 }])
  assert.equal(
    ignored!.byName.reduce((sum, { rows }) => sum + rows, ignored!.others),
    11 * (9 + 8 + 2),
  )
})

test('a load that was deleted is not brought back by what is committed of it', async () => {
  const load = await addLoad((await newTenant()).tenant, 0, { state: 'loading', planned: 2 })
  await projectChunk(table(), load, exampleChunk(0))
  const { client, name: TableName } = table()
  await client.send(new DeleteCommand({ TableName, Key: loadKey(load.id) }))
  await projectChunk(table(), load, exampleChunk(1))
  await noteWaiting(table(), load.id, { code: 'retrying', detail: 'a test', since: new Date().toISOString() })
  await failLoad(table(), load.id, new LoadError('dead-letter', 'a test'))
  assert.equal(await getLoad(table(), load.id), undefined)
  const { Item } = await client.send(new GetCommand({ TableName, Key: chunkKey(load.id, 1) }))
  assert.equal(Item, undefined)
})
