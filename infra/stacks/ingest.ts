import { CfnOutput, Duration, Size, Stack } from 'aws-cdk-lib'
import { Metric } from 'aws-cdk-lib/aws-cloudwatch'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import type { Construct } from 'constructs'
import { spec as checkOrderSpec } from '../../functions/check-order/env.ts'
import { spec as drainParkedSpec } from '../../functions/drain-parked/env.ts'
import { spec as endLoadSpec } from '../../functions/end-load/env.ts'
import { spec as loadChunkSpec } from '../../functions/load-chunk/env.ts'
import { spec as noteDeadLetterSpec } from '../../functions/note-dead-letter/env.ts'
import { spec as planLoadSpec } from '../../functions/plan-load/env.ts'
import { spec as probeDatabaseSpec } from '../../functions/probe-database/env.ts'
import type { AlarmSpec } from '../constructs/alarm-spec.ts'
import type { BehindApi } from '../constructs/api-functions.ts'
import type { Database } from '../constructs/database.ts'
import { loadRecordsFunction } from '../constructs/load-records.ts'
import type { Panel } from '../constructs/panel.ts'
import { VerbFunction } from '../constructs/verb-function.ts'
import type { Stage } from '../stage.ts'
import { noteTimeout, planTimeout, type StorageStack } from './storage.ts'

export interface IngestProps {
  readonly stage: Stage
  readonly storage: StorageStack
  readonly database: Database
}

/** From an object in the raw bucket, or a record of the stream, to rows in Postgres: plan-load cuts the one into chunks, load-chunk and load-records commit them. */
export class IngestStack extends Stack {
  /** What replay-load, which is outside the VPC, asks about the tables. */
  /** What the API's functions ask, none of which is in the VPC. */
  readonly behind: BehindApi
  readonly functions: readonly VerbFunction[]
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]

  constructor(scope: Construct, id: string, props: IngestProps) {
    super(scope, id, { description: `Millrace ${props.stage.name}: functions that plan and load` })
    const { storage, database } = props
    const planLoad = this.planLoad(props)
    const loadChunk = this.loadChunk(props)
    const loadRecords = loadRecordsFunction(this, props)
    this.behind = { checkOrder: this.orderCheck(props), probeDatabase: this.databaseProbe(props) }
    this.functions = [
      planLoad,
      loadChunk,
      loadRecords.fn,
      this.noteDeadLetter(props),
      this.endLoad(props),
      this.drainParked(props),
      ...Object.values(this.behind),
    ]
    this.alarms = [...this.functions.flatMap((f) => f.alarms), ...loadRecords.alarms, ...countedAlarms()]
    const period = Duration.minutes(1)
    this.panels = [
      {
        title: 'load-chunk: time a chunk (ms)',
        metrics: ['p50', 'p99'].map((statistic) => loadChunk.fn.metricDuration({ period, statistic })),
      },
      ...loadRecords.panels,
      { title: 'Ingest: errors', metrics: this.functions.map(({ fn }) => fn.metricErrors({ period })) },
    ]
    const outputs = {
      MigrateFunctionName: database.migrate.fn.functionName,
      LoadChunkFunctionName: loadChunk.fn.functionName,
      LoadRecordsFunctionName: loadRecords.fn.fn.functionName,
      PlanQueueUrl: storage.plan.queue.queueUrl,
      ChunkQueueUrl: storage.chunks.queue.queueUrl,
      PlanDeadLetterQueueUrl: storage.plan.deadLetters.queueUrl,
      ChunkDeadLetterQueueUrl: storage.chunks.deadLetters.queueUrl,
      SetAsideQueueUrl: storage.setAside.queue.queueUrl,
      ParkedQueueUrl: storage.parked.queue.queueUrl,
      ParkedDeadLetterQueueUrl: storage.parked.deadLetters.queueUrl,
      SetAsideDeadLetterQueueUrl: storage.setAside.deadLetters.queueUrl,
    }
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value })
  }

  private planLoad({ stage, storage }: IngestProps): VerbFunction {
    const { table, raw, deadLetters, plan, chunks, key } = storage
    const planLoad = new VerbFunction(this, 'plan-load', {
      stage,
      spec: planLoadSpec,
      description: 'Cuts an uploaded object into chunks and queues them',
      environment: {
        TABLE_NAME: table.tableName,
        RAW_BUCKET: raw.bucket.bucketName,
        CHUNK_QUEUE_URL: chunks.queue.queueUrl,
        DEAD_LETTERS_BUCKET: deadLetters.bucket.bucketName,
      },
      timeout: planTimeout,
    })
    planLoad
      .may(['dynamodb:GetItem', 'dynamodb:UpdateItem'], table.tableArn)
      .mayReadObjects(raw)
      .mayObjects(['s3:PutObject'], deadLetters)
      .may(['sqs:SendMessage'], chunks.queue.queueArn)
      .mayEncrypt(key, 's3', 'sqs', 'dynamodb')
    planLoad.fn.addEventSource(new SqsEventSource(plan.queue, { batchSize: 10, reportBatchItemFailures: true }))
    return planLoad
  }

  private loadChunk({ stage, storage, database }: IngestProps): VerbFunction {
    const { table, raw, rejects, chunks, key } = storage
    const loadChunk = new VerbFunction(this, 'load-chunk', {
      stage,
      spec: loadChunkSpec,
      description: 'Streams one chunk from S3 into Postgres in one transaction',
      environment: {
        TABLE_NAME: table.tableName,
        RAW_BUCKET: raw.bucket.bucketName,
        REJECTS_BUCKET: rejects.bucket.bucketName,
        CHUNK_QUEUE_URL: chunks.queue.queueUrl,
        LEASE_SECONDS: String(stage.chunkLease.toSeconds()),
        DATABASE_PATIENCE_SECONDS: String(stage.databasePatience.toSeconds()),
        DATABASE_SECRET_ARN: database.connection.secretArn,
      },
      timeout: stage.chunkTimeout,
      // It writes to the queue that it reads: the rest of a file that is read in order, and what waits for the database. Lambda would stop that after
      // some 16 rounds: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
      sendsToItself: true,
      // Lambda gives a whole core at 1,769 MB: parsing and encoding are bound by it, memory is not needed.
      memory: 1769,
      // Two Parquet row groups: where chunks keep their order, one is read while the one before it may have to be read again.
      temporaryStorage: Size.gibibytes(1),
      placement: database.placement,
    })
    loadChunk
      .may(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'], table.tableArn)
      .mayReadObjects(raw)
      .mayObjects(['s3:AbortMultipartUpload', 's3:PutObject'], rejects)
      .may(['sqs:SendMessage'], chunks.queue.queueArn)
      .may(['secretsmanager:GetSecretValue'], database.connection.secretArn)
      .mayEncrypt(key, 's3', 'sqs', 'dynamodb')
    database.mayConnect(loadChunk)
    // One chunk an invocation: a chunk is the unit of work, and of failure.
    loadChunk.fn.addEventSource(
      new SqsEventSource(chunks.queue, { batchSize: 1, maxConcurrency: stage.chunkConcurrency, reportBatchItemFailures: true }),
    )
    return loadChunk
  }

  private orderCheck({ stage, storage, database }: IngestProps): VerbFunction {
    const { deadLetters, key } = storage
    const checkOrder = new VerbFunction(this, 'check-order', {
      stage,
      spec: checkOrderSpec,
      description: 'Tells what a replay would put over newer rows; changes nothing',
      environment: { DEAD_LETTERS_BUCKET: deadLetters.bucket.bucketName, DATABASE_SECRET_ARN: database.connection.secretArn },
      // Less than the API's own: who asks must still be able to answer.
      timeout: Duration.seconds(25),
      // It reads and encodes rows, as the loaders do.
      memory: 1769,
      placement: database.placement,
    })
    checkOrder.mayReadObjects(deadLetters).may(['secretsmanager:GetSecretValue'], database.connection.secretArn).mayDecrypt(key, 's3')
    database.mayConnect(checkOrder)
    return checkOrder
  }

  private noteDeadLetter({ stage, storage }: IngestProps): VerbFunction {
    const { table, deadLetters, setAside, key } = storage
    const noteDeadLetter = new VerbFunction(this, 'note-dead-letter', {
      stage,
      spec: noteDeadLetterSpec,
      description: 'Notes what was set aside, and ends its loads as failed',
      environment: { TABLE_NAME: table.tableName, DEAD_LETTERS_BUCKET: deadLetters.bucket.bucketName },
      timeout: noteTimeout,
    })
    noteDeadLetter
      .may(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], table.tableArn)
      .mayReadObjects(deadLetters)
      .mayEncrypt(key, 's3', 'sqs', 'dynamodb')
    // One object a message, and few of them: what is slow here holds up nothing.
    noteDeadLetter.fn.addEventSource(new SqsEventSource(setAside.queue, { batchSize: 10, reportBatchItemFailures: true }))
    return noteDeadLetter
  }

  private databaseProbe({ stage, storage: { table, key }, database }: IngestProps): VerbFunction {
    const probeDatabase = new VerbFunction(this, 'probe-database', {
      stage,
      spec: probeDatabaseSpec,
      description: 'Looks whether the database answers, for readiness',
      environment: { TABLE_NAME: table.tableName, DATABASE_SECRET_ARN: database.connection.secretArn },
      // A connection is waited for ten seconds.
      timeout: Duration.seconds(15),
      placement: database.placement,
    })
    probeDatabase
      .may(['dynamodb:GetItem', 'dynamodb:UpdateItem'], table.tableArn)
      .may(['secretsmanager:GetSecretValue'], database.connection.secretArn)
      .mayEncrypt(key, 'dynamodb')
    database.mayConnect(probeDatabase)
    return probeDatabase
  }

  private drainParked({ stage, storage, database }: IngestProps): VerbFunction {
    const { table, rejects, deadLetters, parked, key } = storage
    const drainParked = new VerbFunction(this, 'drain-parked', {
      stage,
      spec: drainParkedSpec,
      description: 'Loads parked records of a dataset once its table takes rows again',
      environment: {
        TABLE_NAME: table.tableName,
        REJECTS_BUCKET: rejects.bucket.bucketName,
        DEAD_LETTERS_BUCKET: deadLetters.bucket.bucketName,
        PARKED_QUEUE_URL: parked.queue.queueUrl,
        DATABASE_SECRET_ARN: database.connection.secretArn,
        LEASE_SECONDS: String(stage.chunkLease.toSeconds()),
        PATIENCE_SECONDS: String(stage.records.maxAge.toSeconds()),
      },
      // Its turn is shorter: a single record whose rows take very long may have all of it.
      timeout: stage.chunkTimeout,
      // As load-records: it does the same work.
      memory: 1769,
      placement: database.placement,
      sendsToItself: true,
    })
    drainParked
      .may(['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'], table.tableArn)
      .mayObjects(['s3:AbortMultipartUpload', 's3:PutObject'], rejects)
      .mayReadObjects(deadLetters)
      .mayObjects(['s3:DeleteObject', 's3:PutObject'], deadLetters)
      .may(['sqs:SendMessage'], parked.queue.queueArn)
      .may(['secretsmanager:GetSecretValue'], database.connection.secretArn)
      .mayEncrypt(key, 's3', 'sqs', 'dynamodb')
    database.mayConnect(drainParked)
    // A message is a dataset. Two at once: one whose table is slow holds up no other, and connections stay few.
    drainParked.fn.addEventSource(new SqsEventSource(parked.queue, { batchSize: 1, maxConcurrency: 2, reportBatchItemFailures: true }))
    return drainParked
  }

  private endLoad({ stage, storage }: IngestProps): VerbFunction {
    const { table, deadLetters, plan, chunks, key } = storage
    const endLoad = new VerbFunction(this, 'end-load', {
      stage,
      spec: endLoadSpec,
      description: 'Ends loads as failed whose work no function could do',
      environment: { TABLE_NAME: table.tableName, DEAD_LETTERS_BUCKET: deadLetters.bucket.bucketName },
      timeout: noteTimeout,
    })
    endLoad
      .may(['dynamodb:GetItem', 'dynamodb:UpdateItem'], table.tableArn)
      .mayObjects(['s3:PutObject'], deadLetters)
      .mayEncrypt(key, 's3', 'sqs', 'dynamodb')
    for (const { deadLetters: queue } of [plan, chunks])
      endLoad.fn.addEventSource(new SqsEventSource(queue, { batchSize: 10, reportBatchItemFailures: true }))
    return endLoad
  }
}

/** From what functions count. Nothing of it is lost. */
function countedAlarms(): AlarmSpec[] {
  const counted = (metricName: string, service = 'note-dead-letter') =>
    new Metric({
      namespace: 'Millrace',
      metricName,
      dimensionsMap: { service },
      period: Duration.minutes(1),
      statistic: 'Sum',
    })
  return [
    {
      id: 'chunks-set-aside',
      metric: counted('DeadLetters'),
      threshold: 1,
      periods: 1,
      means: 'Chunks of batches could not be loaded and were set aside; their loads have failed',
      runbook: 'chunks-set-aside',
    },
    {
      id: 'dead-letters-unreadable',
      metric: counted('DeadLettersUnreadable'),
      threshold: 1,
      periods: 1,
      means: 'Something was set aside that belongs to no load: nobody is told of it but you',
      runbook: 'dead-letters-unreadable',
    },
    {
      id: 'loads-given-up',
      metric: counted('LoadsGivenUp', 'end-load'),
      threshold: 1,
      periods: 1,
      means: 'Work of a load failed as often as its queue allows; the load has failed',
      runbook: 'dead-letters',
    },
    {
      id: 'dataset-parked',
      metric: counted('DatasetParked', 'drain-parked'),
      threshold: 1,
      periods: 15,
      means: 'For fifteen minutes a table has taken no rows, or too few; the records of its dataset are parked',
      runbook: 'dataset-parked',
    },
    ...['load-chunk', 'load-records'].map((service) => ({
      id: `database-away-${service}`,
      metric: counted('DatabaseAway', service),
      threshold: 1,
      periods: 2,
      means: `${service} has no connection to the database; loads wait, and go on by themselves`,
      runbook: 'database-away',
    })),
  ]
}
