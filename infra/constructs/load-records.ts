import { Duration } from 'aws-cdk-lib'
import { Metric } from 'aws-cdk-lib/aws-cloudwatch'
import { EventSourceMapping, MetricType, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { spec } from '../../functions/load-records/env.ts'
import type { StorageStack } from '../stacks/storage.ts'
import type { Stage } from '../stage.ts'
import type { AlarmSpec } from './alarm-spec.ts'
import type { Database } from './database.ts'
import type { Panel } from './panel.ts'
import { VerbFunction } from './verb-function.ts'

export interface LoadRecordsProps {
  readonly stage: Stage
  readonly storage: StorageStack
  readonly database: Database
}

/** How far behind the stream's end someone should look, and for how many minutes in a row. */
const behind = Duration.minutes(5)
const minutes = 3

/** The consumer of the stream: the function, its event source in full, and what tells that it falls behind. */
export function loadRecordsFunction(scope: Construct, props: LoadRecordsProps): { fn: VerbFunction; alarms: AlarmSpec[]; panels: Panel[] } {
  const fn = functionOf(scope, props)
  const mapping = eventSource(scope, fn, props)
  const period = Duration.minutes(1)
  const age = fn.fn.metric('IteratorAge', { period, statistic: 'Maximum' })
  const dropped = new Metric({
    namespace: 'AWS/Lambda',
    metricName: 'DroppedEventCount',
    dimensionsMap: { EventSourceMappingUUID: mapping.eventSourceMappingId },
    period,
    statistic: 'Sum',
  })
  return {
    fn,
    alarms: [
      {
        id: 'stream-behind',
        metric: age,
        threshold: behind.toMilliseconds(),
        periods: minutes,
        means: `Records of batches wait for more than ${behind.toMinutes()} minutes before they are loaded`,
        runbook: 'stream-behind',
      },
      {
        id: 'records-dropped',
        metric: dropped,
        threshold: 1,
        periods: 1,
        means: 'Lambda has given up records of the stream and could not keep them in the dead-letters bucket',
        runbook: 'records-dropped',
      },
    ],
    panels: [
      { title: 'load-records: age of the oldest record (ms)', metrics: [age] },
      {
        title: 'load-records: time an invocation (ms)',
        metrics: ['p50', 'p99'].map((statistic) => fn.fn.metricDuration({ period, statistic })),
      },
    ],
  }
}

function functionOf(scope: Construct, { stage, storage, database }: LoadRecordsProps): VerbFunction {
  const { table, rejects, deadLetters, batches, parked, key } = storage
  const fn = new VerbFunction(scope, 'load-records', {
    stage,
    spec,
    description: 'Loads records of the stream into Postgres, many chunks in one transaction',
    environment: {
      TABLE_NAME: table.tableName,
      REJECTS_BUCKET: rejects.bucket.bucketName,
      DEAD_LETTERS_BUCKET: deadLetters.bucket.bucketName,
      PARKED_QUEUE_URL: parked.queue.queueUrl,
      DATABASE_SECRET_ARN: database.connection.secretArn,
    },
    timeout: stage.records.timeout,
    // A whole core, as load-chunk has it: decoding and encoding are bound by it.
    memory: 1769,
    placement: database.placement,
  })
  fn.may(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'], table.tableArn)
    .mayObjects(['s3:AbortMultipartUpload', 's3:PutObject'], rejects)
    // Lambda writes what it gives up with the function's own rights, and looks for the bucket first:
    // https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    .mayObjects(['s3:DeleteObject', 's3:PutObject'], deadLetters)
    .may(['sqs:SendMessage'], parked.queue.queueArn)
    .may(['s3:ListBucket'], deadLetters.arn)
    .may(['secretsmanager:GetSecretValue'], database.connection.secretArn)
    // It reads the stream with them too. Kinesis is asked by Lambda, not by the function: the VPC needs no way to it.
    .may(
      ['kinesis:DescribeStream', 'kinesis:DescribeStreamSummary', 'kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards'],
      batches.stream.streamArn,
    )
    .mayEncrypt(key, 's3', 'sqs', 'dynamodb')
    .mayDecrypt(key, 'kinesis')
  database.mayConnect(fn)
  return fn
}

/** No filters: they look into JSON, and envelopes are binary (https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html); the stream has nothing else. */
function eventSource(scope: Construct, { fn }: VerbFunction, { stage, storage }: LoadRecordsProps): EventSourceMapping {
  const { enabled, batchSize, window, parallelization, retries, maxAge } = stage.records
  return new EventSourceMapping(scope, 'Records', {
    target: fn,
    eventSourceArn: storage.batches.stream.streamArn,
    enabled,
    // A batch that was acknowledged before the mapping was there is loaded all the same.
    startingPosition: StartingPosition.TRIM_HORIZON,
    batchSize,
    maxBatchingWindow: window,
    parallelizationFactor: parallelization,
    // What kills the function is found by halving: its neighbours load.
    bisectBatchOnError: true,
    // The function says from which record on it failed: what is before it is not delivered again.
    reportBatchItemFailures: true,
    retryAttempts: retries,
    maxRecordAge: maxAge,
    // Only a bucket gets the records themselves; queues and topics get where they were, and the stream forgets them.
    onFailure: { bind: () => ({ destination: storage.deadLetters.arn }) },
    supportS3OnFailureDestination: true,
    metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
  })
}
