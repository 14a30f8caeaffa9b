import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloadLimit } from '../../../localstack/event-source/rules.ts'
import { type Call, prepareRun, responded } from '../../support/event-source-run.ts'

const second = 1_000

test('a batch has at most BatchSize records, in the order of the shard', async () => {
  const run = prepareRun({ mapping: { batchSize: 3 } })
  for (let i = 0; i < 8; i++) run.stream.put('a', `${i}`)
  run.start()
  await run.pass(second)
  assert.deepEqual(
    run.calls.map(({ data }) => data.join('')),
    ['012', '345', '67'],
  )
})

test('without a window the function is invoked as soon as records are there, be it one', async () => {
  const run = prepareRun()
  run.start()
  await run.pass(10)
  run.stream.put('a', 'x')
  await run.pass(second)
  assert.deepEqual(
    run.calls.map(({ data }) => data),
    [['x']],
  )
})

test('an empty shard is polled once a second, one that has records up to five times', async () => {
  const reads: number[] = []
  const run = prepareRun({
    stream: {
      pageSize: 1,
      fault: (request) => {
        if (request === 'read') reads.push(run.clock.now())
      },
    },
  })
  const gaps = () => reads.slice(1).map((at, i) => at - reads[i]!)
  run.start()
  await run.pass(3 * second)
  assert.deepEqual(gaps(), [second, second, second])
  for (let i = 0; i < 3; i++) run.stream.put('a', `${i}`)
  await run.pass(3 * second)
  assert.deepEqual(gaps().slice(3, 7), [second, 200, 200, 200])
})

test('the batching window: records are gathered until it has passed since the first of them', async () => {
  const run = prepareRun({ mapping: { windowMs: 5 * second } })
  run.start()
  const began = run.clock.now()
  for (let i = 0; i < 4; i++) {
    run.stream.put('a', `${i}`)
    await run.pass(second)
  }
  await run.pass(5 * second)
  assert.deepEqual(
    run.calls.map(({ at, data }) => [at - began, data.join('')]),
    [[5 * second, '0123']],
  )
})

test('the batching window ends early when the batch is full', async () => {
  const run = prepareRun({ mapping: { windowMs: 300 * second, batchSize: 2 } })
  for (let i = 0; i < 5; i++) run.stream.put('a', `${i}`)
  run.start()
  await run.pass(second)
  assert.deepEqual(
    run.calls.map(({ data }) => data.join('')),
    ['01', '23'],
  )
})

test('the batching window ends early, and the batch is cut, when its event would be over 6 MB, base64 included', async () => {
  const run = prepareRun({ mapping: { windowMs: 300 * second, batchSize: 10_000 } })
  const mebibyte = new Uint8Array(1024 * 1024)
  for (let i = 0; i < 10; i++) run.stream.put('a', mebibyte)
  run.start()
  await run.pass(60 * second)
  // 1 MiB is 1.33 MiB in base64: four fit, five do not.
  assert.deepEqual(
    run.calls.map(({ keys }) => keys.length),
    [4, 4],
  )
  for (const { event } of run.calls) assert.ok(Buffer.byteLength(event) <= payloadLimit)
  await run.pass(300 * second)
  assert.deepEqual(run.calls.at(-1)?.keys.length, 2)
})

test('a batch fills 6 MB to the byte', async () => {
  const run = prepareRun({ mapping: { windowMs: second } })
  const empty = prepareRun()
  empty.stream.put('a', '')
  empty.start()
  await empty.pass(second)
  const room = payloadLimit - Buffer.byteLength(empty.calls[0]!.event)
  const first = 3 * 1024 * 1024
  // Two records: what one adds to the event without data, a comma, and base64 in steps of four characters.
  const rest = Math.floor((room - Buffer.byteLength(empty.calls[0]!.event) + '{"Records":[]}'.length - 1 - (first / 3) * 4) / 4) * 3
  for (const size of [first, rest]) run.stream.put('a', new Uint8Array(size))
  run.start()
  await run.pass(2 * second)
  assert.equal(run.calls.length, 1)
  assert.ok(payloadLimit - Buffer.byteLength(run.calls[0]!.event) < 4)
})

test('a record that alone is over 6 MB is never sent: it is tried until its age ends, and then given up', async () => {
  const run = prepareRun({ mapping: { maxAgeMs: 60 * second } })
  run.stream.put('a', new Uint8Array(5 * 1024 * 1024))
  run.start()
  await run.pass(30 * second)
  run.stream.put('a', 'small')
  await run.pass(55 * second)
  assert.deepEqual(
    run.calls.map(({ data }) => data),
    [['small']],
  )
  assert.match(JSON.stringify(run.failures[0]?.metadata), /"RecordAgeExceeded".*"approximateInvokeCount":0/)
})

/** How many invocations ran at once, and the most of one key. */
function watch() {
  let now = 0
  const keys = new Map<string, number>()
  const most = { calls: 0, key: 0 }
  const handle = (sleep: () => Promise<void>) => async (call: Call) => {
    now++
    for (const key of new Set(call.keys)) keys.set(key, (keys.get(key) ?? 0) + 1)
    most.calls = Math.max(most.calls, now)
    most.key = Math.max(most.key, ...keys.values())
    await sleep()
    now--
    for (const key of new Set(call.keys)) keys.set(key, keys.get(key)! - 1)
    return responded()
  }
  return { most, handle }
}

test('ParallelizationFactor: that many batches of a shard at once, a key in one of them at a time and in order', async () => {
  const { most, handle } = watch()
  const run = prepareRun({
    mapping: { parallelization: 4, batchSize: 5 },
    handle: handle(() => run.clock.sleep(700, new AbortController().signal)),
  })
  const order = new Map<string, string[]>()
  for (let i = 0; i < 400; i++) {
    const key = `key ${i % 40}`
    order.set(key, [...(order.get(key) ?? []), run.stream.put(key, `${i}`)])
  }
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(most, { calls: 4, key: 1 })
  for (const [key, numbers] of order) {
    const seen = run.calls.flatMap((call) => call.sequenceNumbers.filter((_, i) => call.keys[i] === key))
    assert.deepEqual(seen, numbers)
  }
})

test('ParallelizationFactor 1: one batch of a shard at a time; shards run side by side', async () => {
  const { most, handle } = watch()
  const run = prepareRun({
    mapping: { batchSize: 5 },
    stream: { shards: 3 },
    handle: handle(() => run.clock.sleep(700, new AbortController().signal)),
  })
  for (let i = 0; i < 300; i++) run.stream.put(`key ${i}`, `${i}`)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(most, { calls: 3, key: 1 })
})

test('the event is the one AWS documents', async () => {
  const run = prepareRun()
  const sequenceNumber = run.stream.put('1', 'Hello, this is a test.')
  run.start()
  await run.pass(second)
  assert.deepEqual(JSON.parse(run.calls[0]!.event), {
    Records: [
      {
        kinesis: {
          kinesisSchemaVersion: '1.0',
          partitionKey: '1',
          sequenceNumber,
          data: 'SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==',
          approximateArrivalTimestamp: Date.parse('2026-01-01T00:00:00Z') / 1000,
        },
        eventSource: 'aws:kinesis',
        eventVersion: '1.0',
        eventID: `shardId-000000000000:${sequenceNumber}`,
        eventName: 'aws:kinesis:record',
        invokeIdentityArn: 'arn:aws:iam::000000000000:role/example',
        awsRegion: 'us-east-1',
        eventSourceARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/example',
      },
    ],
  })
})

test('what is held is bounded: a shard whose function hangs is not read to its end', async () => {
  const run = prepareRun({ mapping: { batchSize: 1 }, handle: () => new Promise(() => {}), stream: { pageSize: 10 } })
  let reads = 0
  const { open } = run.stream
  run.stream.open = (shard, position) => {
    const reader = open(shard, position)
    return {
      read: () => {
        reads++
        return reader.read()
      },
    }
  }
  const mebibyte = new Uint8Array(1024 * 1024)
  for (let i = 0; i < 100; i++) run.stream.put('a', mebibyte)
  run.start()
  await run.pass(600 * second)
  assert.equal(reads, 1) // 10 of them are already more than one payload
})
