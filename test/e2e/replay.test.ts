import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PutRecordCommand } from '@aws-sdk/client-kinesis'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { DeleteCommand } from '@aws-sdk/lib-dynamodb'
import type { ReplayStreamBody, StreamChunk } from '#core/api/replay-contract.ts'
import { chunkKey } from '#core/loads/load.ts'
import { insertLoad } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { kinesisClient } from '../../localstack/pump/kinesis-source.ts'
import { demoTenant } from '../../localstack/tenant.ts'
import { acceptedBatch } from '../support/accepted-batch.ts'
import { millraceHere } from '../support/command-here.ts'
import { givenUp, recordOf } from '../support/dead-letters.ts'
import { allOf, checkReceipt, connectStage, flightLines, freshIds, outcomes, setting } from '../support/stage.ts'

const stage = connectStage()
const table = openTable(setting('MILLRACE_TABLE'))
const kinesis = kinesisClient(setting('AWS_ENDPOINT_URL'))
after(async () => {
  table.client.destroy()
  kinesis.destroy()
  await stage[Symbol.asyncDispose]()
})

interface Accepted {
  readonly data: Buffer
  readonly partitionKey: string
  readonly sequenceNumber: string
  readonly arrivedAt: number
}
/** Puts a record that no consumer understands, to learn which place in the stream a batch of now would have. */
async function place(partitionKey: string): Promise<string> {
  const { SequenceNumber = '' } = await kinesis.send(
    new PutRecordCommand({ StreamName: setting('MILLRACE_STREAM'), PartitionKey: partitionKey, Data: Buffer.from('nothing') }),
  )
  return SequenceNumber
}
async function accepted(data: Buffer, partitionKey: string): Promise<Accepted> {
  return { data, partitionKey, sequenceNumber: await place(partitionKey), arrivedAt: Date.now() }
}
/** What Lambda does with records that it gives up. */
async function giveUp(records: readonly Accepted[]): Promise<void> {
  const { key, body } = givenUp(
    records.map(({ data, sequenceNumber, partitionKey, arrivedAt }) => recordOf(data, sequenceNumber, partitionKey, arrivedAt)),
    randomUUID(),
  )
  await stage.s3.send(new PutObjectCommand({ Bucket: setting('MILLRACE_DEAD_LETTERS_BUCKET'), Key: key, Body: body }))
}
async function whenDead(load: string, chunks: number): Promise<void> {
  for (const end = Date.now() + 60_000; (await allOf(stage.client.listDeadLetters({ load }))).length < chunks; await sleep(200))
    assert.ok(Date.now() < end, `${chunks} chunks of ${load} are not noted`)
}

test('what was given up of a batch is replayed: every row is in the table once, and the receipt adds up', async () => {
  const id = freshIds()
  const { load, envelopes } = acceptedBatch(demoTenant, 'flights', [
    flightLines(id, 300),
    flightLines(id + 300, 200),
    flightLines(id + 500, 7),
  ])
  await insertLoad(table)(load)
  await giveUp(await Promise.all(envelopes.map((data, chunk) => accepted(data, `${load.id}/${chunk}`))))
  await whenDead(load.id, 3)
  const failed = (await stage.client.getReceipt(load.id)).receipt!
  assert.deepEqual([failed.state, failed.problem?.code, await stage.countFlights(id, id + 507)], ['failed', 'dead-letter', 0])

  const dry = await stage.client.checkReplay(load.id)
  assert.deepEqual([dry.would, dry.chunks.dead, dry.order?.verdict], ['send', [0, 1, 2], 'harmless'])
  assert.equal((await stage.client.getReceipt(load.id)).receipt?.state, 'failed')
  // Twice at once: the later one may find that nothing is set aside any more.
  const twice = await Promise.allSettled([stage.client.replayLoad(load.id), stage.client.replayLoad(load.id)])
  const refused = twice.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  assert.ok(refused.length < 2)
  for (const error of refused) assert.match(String(error), /load-not-replayable/)
  const receipt = await stage.client.waitFor(load.id)
  checkReceipt(receipt)
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 507, loaded: 507 }])
  assert.equal(await stage.countFlights(id, id + 507), 507)
  assert.deepEqual(await allOf(stage.client.listDeadLetters({ load: load.id })), [])
  assert.equal((await stage.client.checkReplay(load.id)).would, 'nothing')
})

test('a record that cannot be read is set aside whole, again when it is replayed, and once its chunk has come the load ends as it should', async () => {
  const id = freshIds()
  const { load, envelopes } = acceptedBatch(demoTenant, 'flights', [flightLines(id, 40), flightLines(id + 40, 2)])
  await insertLoad(table)(load)
  const put = (Data: Buffer, chunk: number) =>
    kinesis.send(new PutRecordCommand({ StreamName: setting('MILLRACE_STREAM'), PartitionKey: `${load.id}/${chunk}`, Data }))
  const broken = Buffer.from(envelopes[1]!)
  broken[broken.length - 1]! ^= 1
  await put(envelopes[0]!, 0)
  await put(broken, 1)
  await whenDead(load.id, 1)
  const [letter] = await allOf(stage.client.listDeadLetters({ load: load.id }))
  assert.deepEqual([letter?.chunk, letter?.reason, letter?.state], [1, 'envelope-unreadable', 'dead'])
  await assert.rejects(stage.client.getDeadLetter(load.id, 1), /envelope-unreadable/)
  await stage.client.replayLoad(load.id)
  const failed = await stage.client.waitFor(load.id)
  assert.deepEqual([failed.state, failed.problem?.code, outcomes(failed)], ['failed', 'dead-letter', { received: 40, loaded: 40 }])

  await put(envelopes[1]!, 1)
  for (const end = Date.now() + 60_000; (await allOf(stage.client.listDeadLetters({ load: load.id }))).length > 0; await sleep(200))
    assert.ok(Date.now() < end, 'the chunk does not arrive')
  await stage.client.replayLoad(load.id)
  const receipt = await stage.client.waitFor(load.id)
  checkReceipt(receipt)
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 42, loaded: 42 }])
  assert.equal(await stage.countFlights(id, id + 42), 42)
})

test('older rows do not go over newer ones of the same key, unless it is asked for by name', async () => {
  const stream = randomUUID()
  const partitionKey = 'events/3'
  const line = (sequence: number, type: string) =>
    `${JSON.stringify({ stream, sequence, type, at: '2026-01-01T00:00:00.000Z', payload: null })}\n`
  const types = async () =>
    (await stage.database.query('SELECT type FROM events WHERE stream = $1 ORDER BY sequence', [stream])).rows.map(({ type }) => type)
  const [first, second] = ['first', 'second'].map((type) =>
    acceptedBatch(demoTenant, 'events', [line(1, type) + line(2, type)], { header: { lane: 3, lanes: 16 } }),
  )
  const dead: Accepted[] = []
  for (const batch of [first!, second!]) {
    await insertLoad(table)(batch.load)
    dead.push(await accepted(batch.envelopes[0]!, partitionKey))
  }
  await giveUp(dead)
  await whenDead(first!.load.id, 1)
  await whenDead(second!.load.id, 1)

  const replay = async (load: string, allowOlderRows = false) => {
    await stage.client.replayLoad(load, { allowOlderRows })
    const receipt = await stage.client.waitFor(load)
    checkReceipt(receipt)
    return [receipt.state, await types()]
  }
  assert.equal((await stage.client.checkReplay(second!.load.id)).order?.verdict, 'safe')
  assert.deepEqual(await replay(second!.load.id), ['complete', ['second', 'second']])
  const { order } = await stage.client.checkReplay(first!.load.id)
  assert.deepEqual([order?.verdict, order?.older[0]?.rows, JSON.parse(order?.older[0]?.keys[0] ?? '')], ['older-rows', 2, [stream, 1]])
  await assert.rejects(stage.client.replayLoad(first!.load.id), /older-rows/)
  assert.deepEqual(await types(), ['second', 'second'])
  assert.deepEqual(await replay(first!.load.id, true), ['complete', ['first', 'first']])
})

test('a file is loaded once more: into the same dataset, where every row is there already, and into another, each with a receipt of its own', async () => {
  const id = freshIds()
  const pushed = await stage.push(flightLines(id, 400), { dataset: 'flights' })
  const twice = await stage.client.replayLoad(pushed.id, { into: 'flights' })
  assert.notEqual(twice.id, pushed.id)
  const same = await stage.client.waitFor(twice.id)
  checkReceipt(same)
  assert.deepEqual([same.state, outcomes(same), same.links.source], ['complete', { received: 400, duplicate: 400 }, pushed.links.self])
  assert.equal(await stage.countFlights(id, id + 400), 400)
  await assert.rejects(stage.client.replayLoad(pushed.id, { into: 'flights' }), /load-not-replayable/)

  const sensor = randomUUID()
  const at = (n: number) => new Date(Date.now() - n * 1000).toISOString()
  const text = Array.from({ length: 50 }, (_, n) => `${JSON.stringify({ sensor, at: at(n), value: n })}\n`).join('')
  const wrong = await stage.push(text, { dataset: 'flights' })
  assert.deepEqual(outcomes(wrong), { received: 50, rejected: 50 })
  const right = await stage.client.waitFor((await stage.client.replayLoad(wrong.id, { into: 'readings' })).id)
  checkReceipt(right)
  assert.deepEqual([right.dataset, right.state, outcomes(right)], ['readings', 'complete', { received: 50, loaded: 50 }])
  const { rows } = await stage.database.query('SELECT count(*)::int AS n FROM readings WHERE sensor = $1', [sensor])
  assert.deepEqual(rows, [{ n: 50 }])
  // Asked for once more under a key of its own.
  const third = await stage.client.waitFor((await stage.client.replayLoad(wrong.id, { into: 'readings' }, { key: randomUUID() })).id)
  assert.deepEqual(outcomes(third), { received: 50, duplicate: 50 })
})

test('a stretch of the stream: what is in no table is loaded, what is there is passed over, and its rows can be sent as batches of their own', async () => {
  const from = new Date(Date.now() - 1000).toISOString()
  const [id, sensor] = [freshIds(), randomUUID()]
  const reading = (n: number) => `${JSON.stringify({ sensor, at: new Date(Date.now() - n * 1000).toISOString(), value: n })}\n`
  // Three that are loaded; one whose record no consumer has seen, as if it had been given up without a trace.
  const { receipt } = await stage.client.sendBatch('flights', flightLines(id, 30), { wait: true })
  assert.equal(receipt.state, 'complete')
  const { receipt: refused } = await stage.client.sendBatch('flights', reading(1), { wait: true })
  const stretch = async (more: Omit<ReplayStreamBody, 'from'>) => {
    const items: StreamChunk[] = []
    let sent = 0
    for (let page = await stage.client.replayStream('flights', { from, ...more }); ; ) {
      items.push(...page.items)
      sent += page.sent
      if (page.next === null) return { items, sent }
      page = await stage.client.replayStream('flights', { from, ...more, to: page.to, cursor: page.next })
    }
  }
  const own = ({ items }: { items: StreamChunk[] }) => items.filter(({ load }) => load === receipt.id || load === refused.id)
  const dry = await stretch({})
  assert.deepEqual([dry.sent, [...new Set(own(dry).map(({ state }) => state))]], [0, ['committed']])
  // Forgotten by DynamoDB and by the ledger both, it is as if it had never been loaded.
  await stage.database.query('DELETE FROM flights WHERE id >= $1 AND id < $2', [id, id + 30])
  await stage.database.query('DELETE FROM millrace.ledger WHERE load = $1', [receipt.id])
  await table.client.send(new DeleteCommand({ TableName: table.name, Key: chunkKey(receipt.id, 0) }))
  assert.ok(own(await stretch({ dryRun: false })).some(({ load, state }) => load === receipt.id && state === 'waiting'))
  for (const end = Date.now() + 60_000; (await stage.countFlights(id, id + 30)) < 30; await sleep(200))
    assert.ok(Date.now() < end, 'the rows are not loaded again')
  assert.equal(await stage.countFlights(id, id + 30), 30)

  const texts = own(await stretch({ texts: true })).find(({ load }) => load === receipt.id)
  assert.equal(texts?.text, flightLines(id, 30))
  const command = ['replay-stream', '-d', 'flights', '--from', from, '--into', 'events', '--yes', '--json']
  for (const _ of ['first', 'again']) {
    const { code, out } = await millraceHere(command, { env: process.env })
    assert.equal(code, 0)
    const [made] = JSON.parse(out).loads as string[]
    assert.ok(made && made !== receipt.id)
    assert.deepEqual(outcomes(await stage.client.waitFor(made)), { received: 30, rejected: 30 }, 'flights are no events')
  }
})
