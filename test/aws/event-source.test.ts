import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { SplitShardCommand } from '@aws-sdk/client-kinesis'
import { runEventSource } from '../../localstack/event-source/event-source.ts'
import type { Checkpoint, Invocation } from '../../localstack/event-source/ports.ts'
import { createKinesisSource, describeStream, kinesisClient } from '../../localstack/pump/kinesis-source.ts'
import { realClock } from '../../localstack/pump/real-clock.ts'
import { callOf, exampleMapping, failed, reports, responded, throttled } from '../support/event-source-run.ts'
import { createKinesisStream } from '../support/kinesis-stream.ts'
import { setting } from '../support/stage.ts'

test('2,000 records of a stream with 3 shards, a function that fails in every way: each succeeds once, in the order of its key', async () => {
  const client = kinesisClient(setting('AWS_ENDPOINT_URL'))
  await using stream = await createKinesisStream(client, 3)
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`)
  const records = Array.from({ length: 2_000 }, (_, i) => ({ key: keys[i % keys.length]!, data: `${i}` }))
  const placed = await stream.put(records.slice(0, 1_000))
  assert.equal(new Set(placed.map(({ shard }) => shard)).size, 3)

  const succeeded = new Map<string, string[]>(keys.map((key) => [key, []]))
  let left = records.length
  const faults = { throws: 0, reports: 0, throttles: 0 }
  const all = Promise.withResolvers<void>()
  async function invoke(event: string): Promise<Invocation> {
    const call = callOf(event, Date.now())
    const dice = randomInt(10)
    if (dice === 0 && ++faults.throttles) return throttled
    if (dice === 1 && ++faults.throws) return failed()
    const from = dice === 2 && ++faults.reports ? randomInt(call.keys.length) : call.keys.length
    for (let i = 0; i < from; i++) succeeded.get(call.keys[i]!)!.push(call.data[i]!)
    left -= from
    if (left <= 0) all.resolve()
    return from < call.keys.length ? reports(call.sequenceNumbers[from]) : responded()
  }

  let stored: Checkpoint | undefined
  const stopping = new AbortController()
  const { retentionMs } = await describeStream(client, stream.arn)
  const mapping = exampleMapping({ streamArn: stream.arn, batchSize: 20, parallelization: 2, bisect: true, retentionMs })
  const running = runEventSource(
    mapping,
    {
      clock: realClock,
      source: createKinesisSource(client, stream.arn),
      invoke,
      sendFailure: ({ shardId }) => Promise.reject(new Error(`${shardId}: nothing is to be given up`)),
      checkpoints: {
        load: async () => stored,
        save: async (checkpoint) => {
          stored = structuredClone(checkpoint)
        },
      },
      log: () => {},
    },
    stopping.signal,
  )
  await stream.put(records.slice(1_000))
  await Promise.race([all.promise, running])
  stopping.abort()
  await running
  for (const [i, key] of keys.entries())
    assert.deepEqual(
      succeeded.get(key),
      records.flatMap(({ key: other, data }) => (other === key ? [data] : [])),
      `key ${i}`,
    )
  assert.equal(left, 0)
  for (const [fault, count] of Object.entries(faults)) assert.ok(count > 0, `no ${fault}`)
  assert.equal(Object.keys(stored?.shards ?? {}).length, 3)
})

test('a stream is split while it is read: nothing is lost, and no key gets out of order', async () => {
  const client = kinesisClient(setting('AWS_ENDPOINT_URL'))
  await using stream = await createKinesisStream(client, 1)
  const keys = Array.from({ length: 10 }, (_, i) => `key ${i}`)
  const records = Array.from({ length: 200 }, (_, i) => ({ key: keys[i % keys.length]!, data: `${i}` }))
  const seen = new Set<string>()
  const some = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const running = runEventSource(
    exampleMapping({ streamArn: stream.arn, batchSize: 30 }),
    {
      clock: realClock,
      source: createKinesisSource(client, stream.arn),
      invoke: async (event) => {
        for (const data of callOf(event, 0).data) seen.add(data)
        some.resolve()
        if (seen.size >= records.length) stopping.abort()
        return responded()
      },
      checkpoints: { load: async () => undefined, save: async () => {} },
      log: () => {},
    },
    stopping.signal,
  )
  const placed = await stream.put(records.slice(0, 100))
  await Promise.race([some.promise, running])
  const { shard } = placed[0]!
  await client.send(new SplitShardCommand({ StreamName: stream.name, ShardToSplit: shard, NewStartingHashKey: `${2n ** 127n}` }))
  await stream.whenActive()
  const after = await stream.put(records.slice(100))
  assert.equal(new Set([shard, ...after.map((record) => record.shard)]).size, 3)
  await running
  // A set keeps the order of first adding. MiniStack moves a parent's records to its children, so some come twice.
  const ofKey = (key: number) => [...seen].map(Number).filter((i) => i % keys.length === key)
  for (const key of keys.keys())
    assert.deepEqual(
      ofKey(key),
      Array.from({ length: 20 }, (_, i) => i * keys.length + key),
    )
})
