import type { Construct } from 'constructs'
import { spec as abortUpload } from '../../functions/abort-upload/env.ts'
import { spec as checkHealth } from '../../functions/check-health/env.ts'
import { spec as completeUpload } from '../../functions/complete-upload/env.ts'
import { spec as listDeadLetters } from '../../functions/list-dead-letters/env.ts'
import { spec as listLoads } from '../../functions/list-loads/env.ts'
import { spec as listRejects } from '../../functions/list-rejects/env.ts'
import { spec as openUpload } from '../../functions/open-upload/env.ts'
import { spec as replayLoad } from '../../functions/replay-load/env.ts'
import { spec as replayStream } from '../../functions/replay-stream/env.ts'
import { spec as showContract } from '../../functions/show-contract/env.ts'
import { spec as showDatasets } from '../../functions/show-datasets/env.ts'
import { spec as showLoad } from '../../functions/show-load/env.ts'
import { spec as showUpload } from '../../functions/show-upload/env.ts'
import { spec as signParts } from '../../functions/sign-parts/env.ts'
import { spec as submitBatch } from '../../functions/submit-batch/env.ts'
import type { Verb } from '../routes.ts'
import type { StorageStack } from '../stacks/storage.ts'
import type { Stage } from '../stage.ts'
import { VerbFunction } from './verb-function.ts'

/** Functions in the VPC that those of the API ask. */
export interface BehindApi {
  /** Asked before a replay. */
  readonly checkOrder: VerbFunction
  /** Asked for readiness. */
  readonly probeDatabase: VerbFunction
}

/** The API's functions, each with exactly what it may do. None is in the VPC: the door never waits for the database. */
export function apiFunctions(
  scope: Construct,
  stage: Stage,
  storage: StorageStack,
  { checkOrder, probeDatabase }: BehindApi,
): Readonly<Record<Verb, VerbFunction>> {
  const { table, raw, rejects, deadLetters, plan, batches, key } = storage
  const byTenant = `${table.tableArn}/index/byTenant`
  const open = { REQUESTS_PER_SECOND: String(stage.throttle.rate) }
  const loads = { ...open, TABLE_NAME: table.tableName, GATEWAY_AUTHENTICATES: String(stage.gatewayAuthenticates) }
  const uploads = { ...loads, RAW_BUCKET: raw.bucket.bucketName }
  // Clients are told the throttle of the very routes they call.
  const slower = { REQUESTS_PER_SECOND: String(stage.writeThrottle.rate) }
  const writes = { ...uploads, ...slower }
  const PLAN_QUEUE_URL = plan.queue.queueUrl
  const REJECTS_BUCKET = rejects.bucket.bucketName
  const DEAD_LETTERS_BUCKET = deadLetters.bucket.bucketName
  const STREAM_NAME = batches.stream.streamName

  return {
    'show-datasets': new VerbFunction(scope, 'show-datasets', {
      stage,
      spec: showDatasets,
      description: 'Tells what can be sent',
      environment: loads,
    })
      .may(['dynamodb:GetItem'], table.tableArn)
      .mayDecrypt(key, 'dynamodb'),

    'open-upload': new VerbFunction(scope, 'open-upload', {
      stage,
      spec: openUpload,
      description: 'Opens a multipart upload',
      environment: { ...writes, UPLOAD_HOURS: String(stage.uploadHours) },
    })
      .may(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], table.tableArn)
      .mayObjects(['s3:AbortMultipartUpload', 's3:PutObject'], raw)
      .mayEncrypt(key, 'dynamodb', 's3'),

    'submit-batch': new VerbFunction(scope, 'submit-batch', {
      stage,
      spec: submitBatch,
      description: 'Takes a batch of rows and puts them into the stream',
      environment: { ...loads, ...slower, STREAM_NAME, STREAM_LANES: String(stage.stream.lanes), REJECTS_BUCKET },
      // Memory for a body of 64 MiB inflated and all that is made of it is 512 MB; twice that is half the time, at the same price.
      memory: 1024,
    })
      .may(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], table.tableArn)
      .may(['kinesis:PutRecords'], batches.stream.streamArn)
      .mayObjects(['s3:AbortMultipartUpload', 's3:PutObject'], rejects)
      .mayEncrypt(key, 'dynamodb', 's3', 'kinesis'),

    'sign-parts': new VerbFunction(scope, 'sign-parts', {
      stage,
      spec: signParts,
      description: 'Signs parts, with its own credentials: what it may put is what a client may put',
      environment: { ...writes, URL_SECONDS: String(stage.urlSeconds) },
    })
      .may(['dynamodb:GetItem'], table.tableArn)
      .mayObjects(['s3:PutObject'], raw)
      .mayEncrypt(key, 'dynamodb', 's3'),

    'show-upload': new VerbFunction(scope, 'show-upload', {
      stage,
      spec: showUpload,
      description: 'Tells which parts S3 has',
      environment: uploads,
    })
      .may(['dynamodb:GetItem'], table.tableArn)
      .mayObjects(['s3:ListMultipartUploadParts'], raw)
      .mayDecrypt(key, 'dynamodb'),

    'complete-upload': new VerbFunction(scope, 'complete-upload', {
      stage,
      spec: completeUpload,
      description: 'Joins the parts and checks the whole',
      environment: writes,
    })
      .may(['dynamodb:GetItem', 'dynamodb:UpdateItem'], table.tableArn)
      .mayObjects(['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts', 's3:PutObject'], raw)
      .mayReadObjects(raw)
      .mayEncrypt(key, 'dynamodb', 's3'),

    'abort-upload': new VerbFunction(scope, 'abort-upload', {
      stage,
      spec: abortUpload,
      description: 'Aborts an upload and frees its parts',
      environment: writes,
    })
      .may(['dynamodb:GetItem', 'dynamodb:UpdateItem'], table.tableArn)
      .mayObjects(['s3:AbortMultipartUpload'], raw)
      .mayReadObjects(raw)
      .mayEncrypt(key, 'dynamodb', 's3'),

    'list-loads': new VerbFunction(scope, 'list-loads', {
      stage,
      spec: listLoads,
      description: 'Lists a tenant’s loads, newest first',
      environment: loads,
    })
      .may(['dynamodb:Query'], byTenant)
      .may(['dynamodb:BatchGetItem', 'dynamodb:GetItem'], table.tableArn)
      .mayDecrypt(key, 'dynamodb'),

    'show-load': new VerbFunction(scope, 'show-load', {
      stage,
      spec: showLoad,
      description: 'Shows a receipt',
      environment: loads,
    })
      .may(['dynamodb:GetItem'], table.tableArn)
      .mayDecrypt(key, 'dynamodb'),

    'list-rejects': new VerbFunction(scope, 'list-rejects', {
      stage,
      spec: listRejects,
      description: 'Pages through rejected rows, or joins them to one download',
      environment: { ...uploads, REJECTS_BUCKET },
    })
      .may(['dynamodb:GetItem', 'dynamodb:Query'], table.tableArn)
      .mayObjects(['s3:AbortMultipartUpload', 's3:PutObject'], rejects)
      .mayReadObjects(rejects)
      .mayReadObjects(raw)
      .mayEncrypt(key, 'dynamodb', 's3'),

    'replay-load': new VerbFunction(scope, 'replay-load', {
      stage,
      spec: replayLoad,
      description: 'Queues a load’s raw object again, or sends again what was set aside of it',
      environment: {
        ...writes,
        PLAN_QUEUE_URL,
        DEAD_LETTERS_BUCKET,
        STREAM_NAME,
        CHECK_ORDER_FUNCTION: checkOrder.fn.functionName,
      },
    })
      .may(['dynamodb:Query'], byTenant)
      .may(['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'], table.tableArn)
      .mayReadObjects(raw)
      .mayReadObjects(deadLetters)
      .may(['sqs:SendMessage'], plan.queue.queueArn)
      .may(['kinesis:PutRecords'], batches.stream.streamArn)
      .may(['lambda:InvokeFunction'], checkOrder.fn.functionArn)
      .mayEncrypt(key, 'dynamodb', 'kinesis', 's3', 'sqs'),

    'replay-stream': new VerbFunction(scope, 'replay-stream', {
      stage,
      spec: replayStream,
      description: 'Reads a range of the stream and sends again what is in no table',
      environment: { ...loads, ...slower, STREAM_NAME },
    })
      .may(['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:UpdateItem'], table.tableArn)
      .may(['kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards', 'kinesis:PutRecords'], batches.stream.streamArn)
      .mayEncrypt(key, 'dynamodb', 'kinesis'),

    'list-dead-letters': new VerbFunction(scope, 'list-dead-letters', {
      stage,
      spec: listDeadLetters,
      description: 'Lists and shows what was set aside',
      environment: { ...loads, DEAD_LETTERS_BUCKET },
    })
      .may(['dynamodb:Query'], byTenant)
      .may(['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'], table.tableArn)
      .mayReadObjects(deadLetters)
      .mayDecrypt(key, 'dynamodb', 's3'),

    'check-health': new VerbFunction(scope, 'check-health', {
      stage,
      spec: checkHealth,
      description: 'Tells whether the API lives, and whether what it depends on answers',
      environment: {
        ...{ ...open, TABLE_NAME: table.tableName, RAW_BUCKET: raw.bucket.bucketName, REJECTS_BUCKET, PLAN_QUEUE_URL, STREAM_NAME },
        PROBE_DATABASE_FUNCTION: probeDatabase.fn.functionName,
      },
    })
      .may(['dynamodb:DescribeTable', 'dynamodb:GetItem'], table.tableArn)
      .may(['lambda:InvokeFunction'], probeDatabase.fn.functionArn)
      .may(['s3:ListBucket'], raw.arn, rejects.arn)
      .may(['sqs:GetQueueAttributes'], plan.queue.queueArn)
      .may(['kinesis:DescribeStreamSummary'], batches.stream.streamArn)
      .mayDecrypt(key, 'dynamodb'),

    'show-contract': new VerbFunction(scope, 'show-contract', {
      stage,
      spec: showContract,
      description: 'Serves the OpenAPI document',
      environment: open,
    }),
  }
}
