import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context, KinesisStreamEvent } from 'aws-lambda'
import type pg from 'pg'
import type { ReplayAnswer } from '#core/api/replay-contract.ts'
import * as routes from '#core/api/routes/replays.ts'
import type { DeadLetter, StoredLetters } from '#core/batches/dead-letter.ts'
import { decodeEnvelope, encodeEnvelope } from '#core/batches/envelope.ts'
import { lanePartition } from '#core/batches/lane.ts'
import { bigint, integer } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { wouldPutOver } from '#platform/postgres/order.ts'
import { hasCommitsSince } from '#platform/postgres/sql/newer-chunk.ts'
import { streamHandler } from '#platform/stream-worker.ts'
import { createCheckOrder } from '../../functions/check-order/check-order.ts'
import { createNoteDeadLetter } from '../../functions/note-dead-letter/note-dead-letter.ts'
import { createReplayLoad } from '../../functions/replay-load/replay-load.ts'
import { failureKey, withPayload } from '../../localstack/event-source/failure-record.ts'
import { callOf, codeOf } from '../support/call.ts'
import { Consumer } from '../support/consumer.ts'
import { prepareRun, responded } from '../support/event-source-run.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const columns = { id: bigint(), n: integer() }
const latest = dataset('latest', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'update', orderingKey: 'id' })
const datasets = new Map([[latest.name, latest]])
const minute = 60_000

const { db, connect } = await scratchTables([latest])

const table = async (): Promise<number[][]> =>
  (await db.query('SELECT id::int, n FROM latest ORDER BY id')).rows.map(({ id, n }) => [id, n])

test('batches that the event source gives up while the database is away are noted, held against what came after, and replayed in order', async () => {
  let away = false
  const unlessAway = (): Promise<pg.Client> =>
    away ? Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })) : connect()
  const consumer = new Consumer([latest], unlessAway)
  const handler = streamHandler(async (records) => {
    const again = await consumer.deliver(records, undefined, () => (away ? 0 : 60_000))
    return again < 0 ? undefined : records[again]
  })
  const run = prepareRun({
    mapping: { maxRetries: 3, batchSize: 10 },
    handle: async ({ event }) => {
      const context = { getRemainingTimeInMillis: () => 0 } as Context
      return responded(await run.clock.busy(Promise.resolve(handler(JSON.parse(event) as KinesisStreamEvent, context, () => undefined))))
    },
  })
  /** One chunk a lane, as the door deals them. @returns the load */
  const send = (ids: readonly number[], n: number): string => {
    const lanes = [0, 1].map((lane) => ids.filter((id) => id % 2 === lane)).filter((own) => own.length > 0)
    const records = consumer.batch(
      latest,
      lanes.map((own) => own.map((id) => `${JSON.stringify({ id, n })}\n`).join('')),
    )
    for (const [i, { data }] of records.entries()) {
      const envelope = decodeEnvelope(data)
      const lane = lanes[i]![0]! % 2
      run.stream.put(lanePartition('latest', lane), encodeEnvelope({ ...envelope, header: { ...envelope.header, lane, lanes: 2 } }))
    }
    return consumer.loadOf(records[0]!)
  }

  run.start()
  send([1, 2, 3, 4], 1)
  await run.pass(minute)
  away = true
  const lost = send([1, 2, 3, 4], 2)
  await run.pass(10 * minute)
  away = false
  send([2], 3)
  await run.pass(minute)
  assert.deepEqual(await table(), [
    [1, 1],
    [2, 3],
    [3, 1],
    [4, 1],
  ])

  const objects = new Map<string, StoredLetters>()
  const letters = new Map<string, DeadLetter>()
  const readLetters = async (key: string) => objects.get(key)
  const note = createNoteDeadLetter({
    readLetters,
    getLoad: async (id) => consumer.loads.get(id),
    isCommitted: async (id, chunk) => consumer.projected.get(id)?.has(chunk) ?? false,
    findLetter: async (id, chunk) => letters.get(`${id}/${chunk}`),
    noteLetter: async (letter) => void letters.set(`${letter.load}/${letter.chunk}`, letter),
    failLoad: async (id, { problem }) => void consumer.loads.set(id, { ...consumer.loads.get(id)!, state: 'failed', problem }),
    countUnreadable: (_key, _record, why) => assert.fail(why),
    countDead: () => undefined,
    now: Date.now,
  })
  for (const [n, { shardId, metadata, payload, at }] of run.failures.entries()) {
    const key = failureKey('uuid', shardId, at, String(n))
    objects.set(key, { key, body: Buffer.from(withPayload(metadata, payload)), metadata: {} })
    await note(key)
  }
  const load = () => consumer.loads.get(lost)!
  assert.deepEqual([load().state, load().problem?.code, letters.size], ['failed', 'dead-letter', 2])

  const replay = createReplayLoad({
    datasets,
    findLoad: async () => load(),
    insertLoad: async () => undefined,
    chunksOf: async function* (id) {
      yield* consumer.projected.get(id)?.values() ?? []
    },
    headObject: async () => undefined,
    reopenFailed: async () => undefined,
    requestPlan: async () => undefined,
    lettersOf: async function* () {
      yield* letters.values()
    },
    listLetters: async () => ({ deadLetters: [...letters.values()] }),
    readLetters,
    checkOrder: createCheckOrder({
      findDataset: (name) => datasets.get(name),
      readLetters,
      wouldPutOver: (own, place, rows) => wouldPutOver(db, own, place, rows),
      hasCommitsSince: (name, id, since) => hasCommitsSince(db, name, id, since),
    }),
    reopenBatch: async ({ id }) => {
      const { problem: _, ...open } = consumer.loads.get(id)!
      consumer.loads.set(id, { ...open, state: 'loading' })
      return undefined
    },
    sendRecords: async (records) => {
      for (const { partitionKey, data } of records) run.stream.put(partitionKey, data)
      return new Set(records.map(({ chunk }) => chunk))
    },
    noteSentAgain: async () => undefined,
    finishLoad: async () => undefined,
    now: Date.now,
  })
  const ask = (dryRun: boolean, allowOlderRows = false) =>
    replay(callOf(routes.replayLoad, { load: lost }, { body: { dryRun, allowOlderRows } }))
  const { order, chunks } = (await ask(true)).json as ReplayAnswer
  assert.deepEqual([chunks.dead, order?.verdict, order?.older], [[0, 1], 'older-rows', [{ chunk: 0, rows: 2, keys: ['[2]', '[4]'] }]])
  assert.equal(await codeOf(ask(false)), 'older-rows')
  await ask(false, true)
  await run.pass(minute)
  await run.stop()
  assert.deepEqual(await table(), [
    [1, 2],
    [2, 2],
    [3, 2],
    [4, 2],
  ])
  const { state, received, updated, committed } = load()
  assert.deepEqual([state, received, updated, committed], ['complete', 4, 4, 2])
})
