import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventSourceMappingConfiguration } from '@aws-sdk/client-lambda'
import { MappingRefused, readMapping } from '../../../localstack/event-source/settings.ts'

const least: EventSourceMappingConfiguration = {
  UUID: '2b733cdc',
  FunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
  EventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
  StartingPosition: 'TRIM_HORIZON',
}

test('what a mapping does not say has AWS’s defaults', () => {
  assert.deepEqual(readMapping(least, 1), {
    uuid: '2b733cdc',
    functionArn: least.FunctionArn,
    streamArn: least.EventSourceArn,
    startingPosition: { at: 'trim-horizon' },
    batchSize: 100,
    windowMs: 0,
    parallelization: 1,
    maxRetries: Number.POSITIVE_INFINITY,
    maxAgeMs: Number.POSITIVE_INFINITY,
    bisect: false,
    reportsItemFailures: false,
    filters: [],
    onFailure: undefined,
    retentionMs: 1,
  })
})

test('what a mapping says is read', () => {
  const mapping = readMapping(
    {
      ...least,
      StartingPosition: 'AT_TIMESTAMP',
      StartingPositionTimestamp: new Date(5_000),
      BatchSize: 500,
      MaximumBatchingWindowInSeconds: 3,
      ParallelizationFactor: 7,
      MaximumRetryAttempts: 0,
      MaximumRecordAgeInSeconds: 60,
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      FilterCriteria: { Filters: [{ Pattern: '{"data":{}}' }] },
      DestinationConfig: { OnFailure: { Destination: 'arn:aws:s3:::b' } },
    },
    1,
  )
  assert.deepEqual(
    { ...mapping, uuid: '', functionArn: '', streamArn: '' },
    {
      uuid: '',
      functionArn: '',
      streamArn: '',
      startingPosition: { at: 'timestamp', time: 5_000 },
      batchSize: 500,
      windowMs: 3_000,
      parallelization: 7,
      maxRetries: 0,
      maxAgeMs: 60_000,
      bisect: true,
      reportsItemFailures: true,
      filters: ['{"data":{}}'],
      onFailure: 'arn:aws:s3:::b',
      retentionMs: 1,
    },
  )
})

const refused: readonly [why: string, change: EventSourceMappingConfiguration][] = [
  ['tumbling windows', { TumblingWindowInSeconds: 30 }],
  ['a stream consumer', { EventSourceArn: `${least.EventSourceArn}/consumer/c:1` }],
  ['a source that is no stream', { EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:q' }],
  ['AT_TIMESTAMP without a timestamp', { StartingPosition: 'AT_TIMESTAMP' }],
  ['no starting position', { StartingPosition: undefined as never }],
  ['a batch size over 10,000', { BatchSize: 10_001 }],
  ['a window over 300 s', { MaximumBatchingWindowInSeconds: 301 }],
  ['a parallelization factor over 10', { ParallelizationFactor: 11 }],
  ['a parallelization factor of 0', { ParallelizationFactor: 0 }],
  ['more than 10,000 retries', { MaximumRetryAttempts: 10_001 }],
  ['a record age under 60 s', { MaximumRecordAgeInSeconds: 59 }],
]
for (const [why, change] of refused)
  test(`refused: ${why}`, () => assert.throws(() => readMapping({ ...least, ...change }, 1), MappingRefused))
