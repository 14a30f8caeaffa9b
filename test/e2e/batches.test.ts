import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import type { SentBatch } from '../../client/src/batch.ts'
import { kinesisClient } from '../../localstack/pump/kinesis-source.ts'
import { killLoaders } from '../support/kill-loaders.ts'
import { putRecord, recordsOf } from '../support/kinesis-stream.ts'
import { checkReceipt, connectStage, flight, flightCsv, flightLines, freshIds, outcomes, reading, setting } from '../support/stage.ts'

const stage = connectStage()
const kinesis = kinesisClient(setting('AWS_ENDPOINT_URL'))
const Stream = setting('MILLRACE_STREAM')
after(async () => {
  kinesis.destroy()
  await stage[Symbol.asyncDispose]()
})

/** Until the load is over, with what every receipt must satisfy. */
async function followed({ receipt }: Pick<SentBatch, 'receipt'>) {
  const end = await stage.client.waitFor(receipt.id)
  checkReceipt(end)
  return end
}
const event = (stream: string, sequence: number, more: object = {}): object => ({
  ...{ stream, sequence, type: 'step', at: '2026-03-01T12:00:00Z', payload: { n: sequence } },
  ...more,
})

test('a batch that waits for its rows: the receipt is whole, and the rows are in the table', async () => {
  const id = freshIds()
  const { receipt, rejects } = await stage.client.sendBatch('flights', flightLines(id, 1000), { wait: true })
  checkReceipt(receipt)
  assert.deepEqual([receipt.door, receipt.state, outcomes(receipt)], ['batch', 'complete', { received: 1000, loaded: 1000 }])
  assert.deepEqual(rejects, [])
  assert.equal(await stage.countFlights(id, id + 1000), 1000)
})

for (const format of ['ndjson', 'json', 'csv'] as const)
  test(`a batch of ${format} that is accepted and followed; the same again is answered from memory, another with its rows finds duplicates`, async () => {
    const id = freshIds()
    const body = {
      ndjson: flightLines(id, 3000),
      json: JSON.stringify(Array.from({ length: 3000 }, (_, i) => flight(id + i))),
      csv: flightCsv(id, 3000),
    }[format]
    const key = randomUUID()
    const receipt = await followed(await stage.client.sendBatch('flights', body, { format, key }))
    assert.deepEqual([receipt.state, receipt.format, outcomes(receipt)], ['complete', format, { received: 3000, loaded: 3000 }])
    const again = await stage.client.sendBatch('flights', body, { format, key })
    assert.deepEqual([again.replayed, again.receipt], [true, receipt])
    const other = await followed(await stage.client.sendBatch('flights', body, { format }))
    assert.deepEqual(outcomes(other), { received: 3000, duplicate: 3000 })
    assert.equal(await stage.countFlights(id, id + 3000), 3000)
  })

test('what a dataset passes over stands in the receipt of a batch, whatever its format', async () => {
  const rows = [reading({ room: 1 }), reading(), reading({ room: 2, note: null }), reading({ value: 'no number', room: 3 })]
  const csv = `room,at,sensor\n${rows.map(() => `1,${new Date().toISOString()},${randomUUID()}\n`).join('')}`
  const [room, note] = [
    { name: 'room', rows: 2 },
    { name: 'note', rows: 1 },
  ]
  const bodies = {
    ndjson: [rows.map((row) => `${JSON.stringify(row)}\n`).join(''), [room, note]],
    json: [JSON.stringify(rows.map((row) => ({ ...row, sensor: randomUUID() }))), [room, note]],
    csv: [csv, [{ name: 'room', rows: 4 }]],
  } as const
  for (const format of ['ndjson', 'json', 'csv'] as const) {
    const [body, byName] = bodies[format]
    const receipt = await followed(await stage.client.sendBatch('readings', body, { format }))
    assert.deepEqual([receipt.state, receipt.rows.rejected], ['complete', format === 'csv' ? 0 : 1])
    assert.deepEqual(receipt.ignored, { byName, others: 0 }, format)
  }
})

test('with an ordering key the last row of each key wins, in a batch and from batch to batch', async () => {
  const streams = Array.from({ length: 40 }, () => randomUUID())
  const rows = (round: number) => Array.from({ length: 4000 }, (_, i) => event(streams[i % streams.length]!, 1, { payload: { round, i } }))
  const sent: SentBatch[] = []
  for (let round = 0; round < 5; round++) sent.push(await stage.client.sendBatch('events', rows(round)))
  const ends = await Promise.all(sent.map(followed))
  assert.deepEqual(
    ends.map((end) => [end.state, end.rows.loaded, end.rows.updated]),
    ends.map((_, i) => ['complete', i === 0 ? 40 : 0, i === 0 ? 3960 : 4000]),
  )
  const { rows: stored } = await stage.database.query('SELECT stream, payload FROM events WHERE stream = ANY ($1)', [streams])
  assert.deepEqual(
    new Map(stored.map((row) => [row.stream, row.payload])),
    new Map(streams.map((stream, i) => [stream, { round: 4, i: 4000 - streams.length + i }])),
  )
})

test('bad rows are named at once and listed with the load, with their lines in the body; the others load', async () => {
  const id = freshIds()
  const lines = flightLines(id, 500).split('\n')
  lines[10] = '{"id":"no number"}'
  lines[400] = 'no JSON'
  const sent = await stage.client.sendBatch('flights', lines.join('\n'), { wait: true })
  assert.deepEqual(
    sent.rejects.map(({ line, column, code }) => [line, column, code]),
    [
      [11, 'id', 'invalid-format'],
      [401, null, 'invalid-json'],
    ],
  )
  const receipt = await followed(sent)
  assert.deepEqual(outcomes(receipt), { received: 500, loaded: 498, rejected: 2 })
  const listed = await stage.rejectsOf(receipt.id)
  assert.deepEqual(listed, sent.rejects)
  const offsets = [10, 400].map((line) => lines.slice(0, line).join('\n').length + 1)
  assert.deepEqual(
    listed.map(({ offset }) => offset),
    offsets,
  )
})

test('a row that only Postgres refuses is rejected with its line and offset in the body, also behind rows that the door refused', async () => {
  const id = freshIds()
  const bad = id + 321
  const rule = `flights_not_${bad}`
  await stage.database.query(`ALTER TABLE flights ADD CONSTRAINT ${rule} CHECK (id <> ${bad}) NOT VALID`)
  try {
    const lines = flightLines(id, 1000).split('\n')
    lines.splice(5, 0, 'no JSON', '')
    const body = lines.join('\n')
    const receipt = await followed(await stage.client.sendBatch('flights', body))
    assert.deepEqual(outcomes(receipt), { received: 1001, loaded: 999, rejected: 2 })
    assert.deepEqual(
      (await stage.rejectsOf(receipt.id)).map(({ line, offset, code }) => [line, offset, code]),
      [
        [6, body.indexOf('no JSON'), 'invalid-json'],
        [324, body.indexOf(`{"id":${bad},`), 'sqlstate-23514'],
      ],
    )
  } finally {
    await stage.database.query(`ALTER TABLE flights DROP CONSTRAINT ${rule}`)
  }
})

test('two consumers are killed inside their transactions: the records come again, and every row is there once', async (t) => {
  const id = freshIds()
  let sent: SentBatch | undefined
  const killed = await killLoaders(stage.database, id + 1000, 2, async () => {
    sent = await stage.client.sendBatch('flights', flightLines(id, 2000))
  })
  const receipt = await followed(sent!)
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 2000, loaded: 2000 }])
  assert.equal(await stage.countFlights(id, id + 2000), 2000)
  if (!killed) t.skip('the consumer’s process is not to be seen from here')
})

test('records that stand in the stream twice change nothing', async () => {
  const id = freshIds()
  const receipt = await followed(await stage.client.sendBatch('flights', flightLines(id, 1000)))
  const records = (await recordsOf(kinesis, Stream)).filter(({ data }) => data.includes(receipt.id))
  assert.ok(records.length > 0)
  for (const { partitionKey, data } of records) await putRecord(kinesis, Stream, partitionKey, data)
  // What comes behind them in the same lane tells that they have been read.
  for (const { partitionKey } of records) await passed(partitionKey)
  assert.deepEqual((await stage.client.getReceipt(receipt.id)).receipt, receipt)
  assert.equal(await stage.countFlights(id, id + 1000), 1000)
})

test('what is no envelope is kept whole in the dead letters, and the batches behind it go on', async () => {
  const text = await passed(randomUUID())
  assert.match(text, /^poison /)
  const id = freshIds()
  const receipt = await followed(await stage.client.sendBatch('flights', flightLines(id, 10)))
  assert.equal(receipt.state, 'complete')
})

/** Puts poison into the stream and waits until it lies in the dead letters. @returns what lies there */
async function passed(partitionKey: string): Promise<string> {
  const Bucket = setting('MILLRACE_DEAD_LETTERS_BUCKET')
  const sequenceNumber = await putRecord(kinesis, Stream, partitionKey, Buffer.from(`poison ${randomUUID()}`))
  for (;;) {
    const { Contents = [] } = await stage.s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'envelopes/unreadable/' }))
    const Key = Contents.find((object) => object.Key?.endsWith(`/${sequenceNumber}`))?.Key
    if (Key === undefined) {
      await sleep(100)
      continue
    }
    const { Body, Metadata } = await stage.s3.send(new GetObjectCommand({ Bucket, Key }))
    assert.deepEqual([Metadata?.reason, Metadata?.['partition-key']], ['envelope-unreadable', partitionKey])
    return (await Body?.transformToString()) ?? ''
  }
}
