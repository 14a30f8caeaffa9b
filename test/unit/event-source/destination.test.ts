import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureKey, withPayload } from '../../../localstack/event-source/failure-record.ts'
import { failed, prepareRun, reports } from '../../support/event-source-run.ts'

const second = 1_000

test('the failure record is the one AWS documents; in S3 it has the whole event besides', async () => {
  const run = prepareRun({ mapping: { maxRetries: 1 }, handle: () => failed('no database') })
  const first = run.stream.put('a', '0')
  await run.pass(second)
  const last = run.stream.put('a', '1')
  run.start()
  await run.pass(60 * second)
  const [failure] = run.failures
  assert.ok(failure)
  assert.deepEqual(failure.metadata, {
    requestContext: {
      requestId: 'request',
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:example',
      condition: 'RetryAttemptsExhausted',
      approximateInvokeCount: 2,
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: '2026-01-01T00:00:01.200Z',
    KinesisBatchInfo: {
      shardId: 'shardId-000000000000',
      startSequenceNumber: first,
      endSequenceNumber: last,
      approximateArrivalOfFirstRecord: '2026-01-01T00:00:00.000Z',
      approximateArrivalOfLastRecord: '2026-01-01T00:00:01.000Z',
      batchSize: 2,
      streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/example',
    },
  })
  assert.equal(failure.payload, run.calls[0]!.event)
  const inBucket = JSON.parse(withPayload(failure.metadata, failure.payload)) as { payload: string }
  assert.deepEqual({ ...inBucket, payload: undefined }, { ...failure.metadata, payload: undefined })
  assert.equal(inBucket.payload, failure.payload)
})

test('a function that answered, but reported failures, has no functionError', async () => {
  const run = prepareRun({ mapping: { maxRetries: 0 }, handle: (call) => reports(call.sequenceNumbers[0]) })
  run.stream.put('a', '0')
  run.start()
  await run.pass(second)
  assert.deepEqual((run.failures[0]!.metadata as { responseContext: object }).responseContext, {
    statusCode: 200,
    executedVersion: '$LATEST',
  })
})

test('the object’s key is the documented one', () => {
  assert.equal(
    failureKey('2b733cdc', 'shardId-000000000006', Date.parse('2024-03-05T07:08:09.123Z'), 'f00'),
    'aws/lambda/2b733cdc/shardId-000000000006/2024/03/05/2024-03-05T07.08.09-f00',
  )
})

test('a destination that is away is tried until it has the record; the shard waits, and nothing is lost', async () => {
  let away = 5
  const run = prepareRun({
    mapping: { maxRetries: 0, batchSize: 1 },
    handle: ({ data }) => (data[0] === '0' ? failed() : { kind: 'responded', requestId: 'r', payload: null }),
    destination: async () => {
      if (away-- > 0) throw new Error('no such bucket')
    },
  })
  for (const i of '01') run.stream.put('a', i)
  run.start()
  await run.pass(second)
  assert.equal(run.calls.length, 1)
  await run.pass(60 * second)
  assert.equal(run.failures.length, 1)
  assert.equal(run.calls.length, 2)
})

test('without a destination what is given up is told in the log, and the shard goes on', async () => {
  const run = prepareRun({ mapping: { maxRetries: 0, onFailure: undefined }, handle: () => failed() })
  const number = run.stream.put('a', '0')
  run.start()
  await run.pass(second)
  assert.ok(run.lines.some((line) => line.includes(`gave up record ${number}`) && line.includes('no destination')))
})
