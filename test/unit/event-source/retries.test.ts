import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Call, failed, prepareRun, reports, responded, throttled } from '../../support/event-source-run.ts'

const second = 1_000
const hour = 3_600 * second
const data = (calls: readonly Call[]) => calls.map((call) => call.data.join(''))
const conditions = (failures: readonly { metadata: object }[]) =>
  failures.map(({ metadata }) => (metadata as { requestContext: { condition: string } }).requestContext.condition)

test('a function error: the whole batch is tried again, and nothing of the shard overtakes it', async () => {
  const run = prepareRun({ mapping: { batchSize: 2 }, handle: (_, nth) => (nth <= 3 ? failed() : responded()) })
  for (const i of '0123') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['01', '01', '01', '01', '23'])
})

test('MaximumRetryAttempts: N retries are N + 1 invocations; then the batch is given up and the shard goes on', async () => {
  for (const maxRetries of [0, 1, 5]) {
    const run = prepareRun({ mapping: { batchSize: 2, maxRetries }, handle: ({ data }) => (data.includes('1') ? failed() : responded()) })
    for (const i of '0123') run.stream.put('a', i)
    run.start()
    await run.pass(300 * second)
    assert.deepEqual(data(run.calls), [...Array<string>(maxRetries + 1).fill('01'), '23'])
    assert.deepEqual(conditions(run.failures), ['RetryAttemptsExhausted'])
  }
})

test('MaximumRetryAttempts -1: a batch is tried until its records expire with the stream’s retention', async () => {
  const run = prepareRun({ mapping: { retentionMs: 2 * hour }, handle: () => failed() })
  run.stream.put('a', 'x')
  run.start()
  await run.pass(1.9 * hour)
  assert.ok(run.calls.length > 200)
  assert.deepEqual(run.failures, [])
  await run.pass(0.2 * hour)
  assert.deepEqual(conditions(run.failures), ['RecordAgeExceeded'])
})

test('retries wait twice as long each time, up to 30 s', async () => {
  const run = prepareRun({ handle: () => failed() })
  run.stream.put('a', 'x')
  run.start()
  await run.pass(200 * second)
  const gaps = run.calls.slice(1).map(({ at }, i) => at - run.calls[i]!.at)
  assert.deepEqual(gaps.slice(0, 10), [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
})

test('a throttle does not count as a retry: it is tried again until the age ends', async () => {
  const run = prepareRun({ mapping: { maxRetries: 1, maxAgeMs: hour }, handle: (_, nth) => (nth <= 20 ? throttled : responded()) })
  run.stream.put('a', 'x')
  run.start()
  await run.pass(hour)
  assert.equal(run.calls.length, 21)
  assert.deepEqual(run.failures, [])

  const never = prepareRun({ mapping: { maxRetries: 1, maxAgeMs: hour }, handle: () => throttled })
  never.stream.put('a', 'x')
  never.start()
  await never.pass(2 * hour)
  assert.ok(never.calls.length > 100)
  assert.deepEqual(conditions(never.failures), ['RecordAgeExceeded'])
})

test('throttles between errors leave the count of retries as it is', async () => {
  const run = prepareRun({ mapping: { maxRetries: 2 }, handle: (_, nth) => (nth % 2 === 0 ? throttled : failed()) })
  run.stream.put('a', 'x')
  run.start()
  await run.pass(hour)
  assert.equal(run.calls.length, 5) // error, throttle, error, throttle, error
})

test('MaximumRecordAge: a record that is too old is not sent, not even once', async () => {
  const run = prepareRun({ mapping: { maxAgeMs: 60 * second } })
  run.stream.put('a', 'old')
  await run.pass(61 * second)
  run.stream.put('a', 'young')
  run.start()
  await run.pass(second)
  assert.deepEqual(data(run.calls), ['young'])
  assert.deepEqual(conditions(run.failures), ['RecordAgeExceeded'])
})

test('MaximumRecordAge: of a batch that is retried only the records that are too old are given up', async () => {
  const run = prepareRun({ mapping: { maxAgeMs: 60 * second, windowMs: 40 * second }, handle: () => failed() })
  run.start()
  run.stream.put('a', '0')
  await run.pass(30 * second)
  run.stream.put('a', '1')
  await run.pass(32 * second)
  assert.deepEqual([...new Set(data(run.calls))], ['01'])
  await run.pass(20 * second)
  assert.deepEqual([...new Set(data(run.calls))], ['01', '1'])
  assert.equal(run.failures.length, 1)
  await run.pass(60 * second)
  assert.equal(run.failures.length, 2)
})

test('BisectBatchOnFunctionError: a batch that fails is split in two, again and again, first half first', async () => {
  const run = prepareRun({
    mapping: { bisect: true, maxRetries: 1 },
    handle: ({ data }) => (data.includes('5') ? failed() : responded()),
  })
  for (const i of '01234567') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['01234567', '0123', '4567', '45', '4', '5', '5', '67'])
  assert.equal(run.failures.length, 1)
})

test('bisecting does not use up retries: with none left to use, a single record is still found', async () => {
  const run = prepareRun({
    mapping: { bisect: true, maxRetries: 0 },
    handle: ({ data }) => (data.includes('77') ? failed() : responded()),
  })
  for (let i = 0; i < 100; i++) run.stream.put('a', `${i}`)
  run.start()
  await run.pass(60 * second)
  assert.equal(run.failures.length, 1)
  assert.match(run.failures[0]!.payload, new RegExp(Buffer.from('77').toString('base64')))
  assert.equal(new Set(run.calls.flatMap((call) => (call.data.includes('77') ? [] : call.data))).size, 99)
})

test('bisecting does not change the batch size of what follows', async () => {
  const run = prepareRun({ mapping: { bisect: true, batchSize: 4 }, handle: (_, nth) => (nth === 1 ? failed() : responded()) })
  for (const i of '01234567') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['0123', '01', '23', '4567'])
})

test('a throttle is no function error: it does not bisect', async () => {
  const run = prepareRun({ mapping: { bisect: true }, handle: (_, nth) => (nth === 1 ? throttled : responded()) })
  for (const i of '01') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['01', '01'])
})

test('a stuck key does not hold up other lanes of its shard', async () => {
  const run = prepareRun({ mapping: { parallelization: 2 }, handle: ({ keys }) => (keys.includes('a') ? failed() : responded()) })
  for (const key of ['a', 'b', 'c', 'd']) run.stream.put(key, key)
  run.start()
  await run.pass(60 * second)
  const done = run.calls.filter(({ keys }) => !keys.includes('a')).flatMap(({ keys }) => keys)
  assert.ok(done.length > 0)
  assert.equal(run.failures.length, 0)
})

test('ReportBatchItemFailures: delivery starts again at the lowest reported record', async () => {
  const run = prepareRun({
    handle: (call, nth) => (nth === 1 ? reports(call.sequenceNumbers[6], call.sequenceNumbers[3], call.sequenceNumbers[5]) : responded()),
  })
  for (const i of '01234567') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['01234567', '34567'])
})

test('ReportBatchItemFailures: a report counts as a retry, also one that came forward', async () => {
  const run = prepareRun({ mapping: { maxRetries: 2 }, handle: (call) => reports(call.sequenceNumbers[1] ?? call.sequenceNumbers[0]) })
  for (const i of '01234567') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['01234567', '1234567', '234567'])
  assert.deepEqual(
    run.failures.map(({ payload }) => (JSON.parse(payload) as { Records: unknown[] }).Records.length),
    [5],
  )
})

test('ReportBatchItemFailures with bisect: the batch is split at the reported record, and only the rest is tried again', async () => {
  const run = prepareRun({
    mapping: { bisect: true, maxRetries: 1 },
    handle: (call) => {
      const poison = call.data.indexOf('3')
      return poison < 0 ? responded() : reports(call.sequenceNumbers[poison])
    },
  })
  for (const i of '01234567') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  // 3 leads the rest, so nothing is before it to split off: split in the middle, until it is alone.
  assert.deepEqual(data(run.calls), ['01234567', '34567', '345', '34', '3', '3', '4', '5', '67'])
  assert.equal(run.failures.length, 1)
})

test('ReportBatchItemFailures with bisect: an exception bisects all the same', async () => {
  const run = prepareRun({ mapping: { bisect: true }, handle: (_, nth) => (nth === 1 ? failed() : responded()) })
  for (const i of '0123') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['0123', '01', '23'])
})

test('without ReportBatchItemFailures a report is not read: the batch has succeeded', async () => {
  const run = prepareRun({ mapping: { reportsItemFailures: false }, handle: (call) => reports(call.sequenceNumbers[0]) })
  for (const i of '01') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['01'])
})

for (const [name, payload] of [
  ['an empty list', { batchItemFailures: [] }],
  ['a null list', { batchItemFailures: null }],
  ['an empty response', {}],
  ['a null response', null],
] as const) {
  test(`ReportBatchItemFailures: ${name} is a complete success`, async () => {
    const run = prepareRun({ handle: () => responded(payload) })
    run.stream.put('a', 'x')
    run.start()
    await run.pass(60 * second)
    assert.equal(run.calls.length, 1)
  })
}

for (const [name, payload] of [
  ['an empty itemIdentifier', { batchItemFailures: [{ itemIdentifier: '' }] }],
  ['a null itemIdentifier', { batchItemFailures: [{ itemIdentifier: null }] }],
  ['a wrong key name', { batchItemFailures: [{ itemId: '4959000000000001' }] }],
  ['an identifier that is not in the batch', { batchItemFailures: [{ itemIdentifier: '42' }] }],
  ['an item that is no object', { batchItemFailures: ['4959000000000001'] }],
  ['a list that is none', { batchItemFailures: 'all' }],
  ['a response that is no object', 'OK'],
] as const) {
  test(`ReportBatchItemFailures: ${name} is a complete failure`, async () => {
    const run = prepareRun({ handle: (_, nth) => responded(nth === 1 ? payload : null) })
    for (const i of '01') run.stream.put('a', i)
    run.start()
    await run.pass(60 * second)
    assert.deepEqual(data(run.calls), ['01', '01'])
  })
}

test('one right identifier does not save a response with a wrong one', async () => {
  const run = prepareRun({ handle: (call, nth) => (nth === 1 ? reports(call.sequenceNumbers[1], '') : responded()) })
  for (const i of '01') run.stream.put('a', i)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(data(run.calls), ['01', '01'])
})
