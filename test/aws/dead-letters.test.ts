import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { DeadLetter, StoredLetters } from '#core/batches/dead-letter.ts'
import type { BatchLoad, Load } from '#core/loads/load.ts'
import { randomLoadId } from '#core/loads/load-id.ts'
import { findLetter } from '#platform/dynamodb/dead-letters.ts'
import { insertLoad, reopenBatch } from '#platform/dynamodb/loads.ts'
import { projectChunk } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { demoTenant } from '../../localstack/tenant.ts'
import { exampleEnvelope, givenUp, recordOf, setAside } from '../support/dead-letters.ts'
import { exampleBatch, exampleChunk } from '../support/example-load.ts'
import { allOf, connectStage, setting } from '../support/stage.ts'

const stage = connectStage()
const table = openTable(setting('MILLRACE_TABLE'))
after(async () => {
  table.client.destroy()
  await stage[Symbol.asyncDispose]()
})

/** A batch that the door has taken and nobody has loaded. */
async function acceptedBatch(): Promise<Load> {
  const now = Date.now()
  const times = {
    createdAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 86_400_000).toISOString(),
    ttl: Math.floor(now / 1000) + 86_400,
  }
  const load = exampleBatch({ id: randomLoadId(), tenant: demoTenant, state: 'loading', planned: 2, ...times })
  assert.equal(await insertLoad(table)(load), undefined)
  return load
}
const envelopeOf = ({ id, tenant, ttl }: Load, chunk: number) => exampleEnvelope({ load: id, tenant, ttl, chunk })

async function put({ key, body, metadata }: StoredLetters): Promise<void> {
  await stage.s3.send(
    new PutObjectCommand({ Bucket: setting('MILLRACE_DEAD_LETTERS_BUCKET'), Key: key, Body: body, Metadata: { ...metadata } }),
  )
}
async function noted(load: string, chunk: number): Promise<DeadLetter> {
  for (const end = Date.now() + 60_000; ; await sleep(200)) {
    const letter = await findLetter(table)(load, chunk)
    if (letter) return letter
    assert.ok(Date.now() < end, `chunk ${chunk} of ${load} is not noted`)
  }
}

test('what Lambda gave up, and what load-records set aside, ends its load as failed, and is noted', async () => {
  const [first, second] = [await acceptedBatch(), await acceptedBatch()]
  const object = givenUp(
    [recordOf(envelopeOf(first, 0), '10'), recordOf(envelopeOf(second, 0), '11'), recordOf(envelopeOf(first, 1), '12')],
    first.id,
  )
  await put(object)
  assert.deepEqual([(await noted(first.id, 1)).record, (await noted(second.id, 0)).object], [2, object.key])
  for (const [load, pointers] of [
    [first, ['/chunks/0', '/chunks/1']],
    [second, ['/chunks/0']],
  ] as const) {
    const { receipt } = await stage.client.getReceipt(load.id)
    assert.deepEqual([receipt?.state, receipt?.problem?.code], ['failed', 'dead-letter'])
    assert.deepEqual(
      receipt?.problem?.errors?.map(({ pointer }) => pointer),
      pointers,
    )
  }
  await put(setAside(recordOf(envelopeOf(second, 1), '13')))
  assert.equal((await noted(second.id, 1)).reason, 'envelope-unreadable')
})

test('what was set aside is listed by tenant and by load, and shown row by row, until its chunk is in the table', async () => {
  const load = await acceptedBatch()
  await put(
    givenUp(
      [0, 1, 2].map((chunk) => recordOf(envelopeOf(load, chunk), `${20 + chunk}`)),
      load.id,
    ),
  )
  await noted(load.id, 2)
  const own = await allOf(stage.client.listDeadLetters({ load: load.id, pageSize: 2 }))
  assert.deepEqual(
    own.map(({ chunk, state, reason, rows }) => [chunk, state, reason, rows]),
    [0, 1, 2].map((chunk) => [chunk, 'dead', 'RetryAttemptsExhausted', 1]),
  )
  const all = await allOf(stage.client.listDeadLetters({ dataset: 'flights', pageSize: 2 }))
  assert.equal(all.filter((letter) => letter.load === load.id).length, 3)
  assert.equal((await allOf(stage.client.listDeadLetters({ dataset: 'readings' }))).filter((l) => l.load === load.id).length, 0)
  assert.equal(await stage.client.getDeadLetter(load.id, 1), '{"id":1}\n')
  await projectChunk(table, load, exampleChunk(1))
  const left = await allOf(stage.client.listDeadLetters({ load: load.id }))
  assert.deepEqual(
    left.map(({ chunk }) => chunk),
    [0, 2],
  )
  await assert.rejects(stage.client.getDeadLetter(load.id, 9), /dead-letter-not-found/)
  await assert.rejects(allOf(stage.client.listDeadLetters({ load: randomLoadId() })), /load-not-found/)
})

test('a batch whose request may not be done is opened so that it can go on, and for as long as that takes', async () => {
  const { id } = await acceptedBatch()
  const failed = async (more: Partial<BatchLoad>) => {
    const load = exampleBatch({
      id: randomLoadId(),
      tenant: demoTenant,
      state: 'failed',
      ttl: Math.floor(Date.now() / 1000) + 86_400,
      ...more,
    })
    await insertLoad(table)(load)
    return load
  }
  const stateOf = async (load: string) => (await stage.client.getReceipt(load)).receipt?.state
  const [sending, sent, partly] = [await failed({ lock: 'x' }), await failed({}), await failed({ sent: [0] })]
  for (const [load, allSent, state] of [
    [sending, false, 'receiving'],
    [sent, false, 'loading'],
    [partly, true, 'loading'],
  ] as const) {
    assert.equal(await reopenBatch(table)(load, allSent), undefined)
    assert.equal(await stateOf(load.id), state)
  }
  assert.equal(await reopenBatch(table)({ ...sent, id }, true), 'loading', 'only what has failed is opened again')
})
