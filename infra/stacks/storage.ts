import { Aws, CfnOutput, Duration, Stack } from 'aws-cdk-lib'
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { BlockPublicAccess, Bucket, BucketEncryption, HttpMethods, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import type { CfnQueuePolicy } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { acknowledge } from '../constructs/acknowledge.ts'
import type { AlarmSpec } from '../constructs/alarm-spec.ts'
import { BatchStream } from '../constructs/batch-stream.ts'
import type { Panel } from '../constructs/panel.ts'
import { PrivateBucket } from '../constructs/private-bucket.ts'
import { WorkQueue } from '../constructs/work-queue.ts'
import type { Stage } from '../stage.ts'

/** Timeout of plan-load: it reads an object's head and sends messages. */
export const planTimeout = Duration.seconds(60)
/** Timeout of note-dead-letter: it reads a batch of 6 MB at most and notes its records. */
export const noteTimeout = Duration.seconds(60)

/** Everything that must survive a deploy of code: the buckets, the table, and the queues and the stream with accepted work in them. */
export class StorageStack extends Stack {
  readonly key: Key | undefined
  readonly table: Table
  readonly raw: PrivateBucket
  readonly rejects: PrivateBucket
  readonly deadLetters: PrivateBucket
  readonly plan: WorkQueue
  readonly chunks: WorkQueue
  /** Objects of the dead-letters bucket that are to be noted. */
  readonly setAside: WorkQueue
  /** Datasets whose records are parked. */
  readonly parked: WorkQueue
  /** What the batch door has accepted. */
  readonly batches: BatchStream
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]

  constructor(scope: Construct, id: string, { stage }: { readonly stage: Stage }) {
    super(scope, id, {
      description: `Millrace ${stage.name}: buckets, table, queues and stream`,
      terminationProtection: stage.deletionProtection,
    })
    const key = stage.ownKeys
      ? new Key(this, 'Key', { enableKeyRotation: true, removalPolicy: stage.removal, description: `Millrace ${stage.name}: data at rest` })
      : undefined
    this.key = key

    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      timeToLiveAttribute: 'ttl',
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...(key ? { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: key } : { encryption: TableEncryption.DEFAULT }),
      deletionProtection: stage.deletionProtection,
      removalPolicy: stage.removal,
    })
    // A tenant's loads, newest first. Counts change with every chunk, so they stay out and are read by id.
    this.table.addGlobalSecondaryIndex({
      indexName: 'byTenant',
      partitionKey: { name: 'tenantPk', type: AttributeType.STRING },
      sortKey: { name: 'createdSk', type: AttributeType.STRING },
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: ['dataset', 'state', 'expiresAt'],
    })

    this.plan = new WorkQueue(this, 'plan', { stage, key, consumerTimeout: planTimeout, oldestMessage: Duration.minutes(5) })
    this.chunks = new WorkQueue(this, 'chunks', { stage, key, consumerTimeout: stage.chunkTimeout, oldestMessage: Duration.minutes(30) })
    this.setAside = new WorkQueue(this, 'set-aside', { stage, key, consumerTimeout: noteTimeout, oldestMessage: Duration.minutes(5) })
    this.parked = new WorkQueue(this, 'parked', { stage, key, consumerTimeout: stage.chunkTimeout, oldestMessage: Duration.minutes(30) })

    this.batches = new BatchStream(this, 'batches', { stage, key })

    const logs = stage.bucketLogs ? this.logBucket(stage) : undefined
    const shared = { stage, key, logs }
    const abandoned = Duration.days(1)
    this.raw = new PrivateBucket(this, 'raw', {
      ...shared,
      retention: stage.rawRetention,
      abortUploads: Duration.days(Math.ceil(stage.uploadHours / 24) + 1),
      // Any page may PUT: a presigned URL is the whole credential, and no cookie goes with it.
      cors: {
        allowedOrigins: ['*'],
        allowedMethods: [HttpMethods.PUT],
        allowedHeaders: ['*'],
        exposedHeaders: ['ETag', 'x-amz-checksum-crc32'],
        maxAge: 3600,
      },
    })
    this.rejects = new PrivateBucket(this, 'rejects', { ...shared, retention: stage.rejectsRetention, abortUploads: abandoned })
    this.deadLetters = new PrivateBucket(this, 'dead-letters', { ...shared, retention: stage.rejectsRetention, abortUploads: abandoned })
    this.announce('RawBucketAnnounces', this.raw, this.plan)
    this.announce('DeadLettersBucketAnnounces', this.deadLetters, this.setAside)

    const queues = [this.plan, this.chunks, this.setAside, this.parked]
    const work = [this.batches, ...queues]
    this.alarms = work.flatMap((w) => w.alarms)
    this.panels = work.flatMap((w) => w.panels)
    new CfnOutput(this, 'StreamName', { value: this.batches.stream.streamName })
    new CfnOutput(this, 'TableName', { value: this.table.tableName })
    new CfnOutput(this, 'RawBucketName', { value: this.raw.bucket.bucketName })
    new CfnOutput(this, 'RejectsBucketName', { value: this.rejects.bucket.bucketName })
    new CfnOutput(this, 'DeadLettersBucketName', { value: this.deadLetters.bucket.bucketName })
  }

  /** S3 tries its right to send when the notification is set: the queue's policy and the key's must stand before the bucket. */
  private announce(sid: string, bucket: PrivateBucket, { queue }: WorkQueue): void {
    const s3 = new ServicePrincipal('s3.amazonaws.com')
    const conditions = { ArnEquals: { 'aws:SourceArn': bucket.arn }, StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } }
    queue.addToResourcePolicy(
      new PolicyStatement({ sid, principals: [s3], actions: ['sqs:SendMessage'], resources: [queue.queueArn], conditions }),
    )
    this.key?.addToResourcePolicy(
      new PolicyStatement({ sid, principals: [s3], actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: ['*'], conditions }),
    )
    bucket.notify(queue.queueArn)
    const policy = queue.node.findChild('Policy').node.defaultChild as CfnQueuePolicy
    bucket.bucket.node.addDependency(policy)
  }

  private logBucket(stage: Stage): Bucket {
    const logs = new Bucket(this, 'AccessLogs', {
      removalPolicy: stage.removal,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      // S3 delivers access logs to buckets with its own keys only.
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      lifecycleRules: [{ id: 'forget', expiration: Duration.days(stage.logRetentionDays) }],
    })
    logs.addToResourcePolicy(
      new PolicyStatement({
        sid: 'BucketsLog',
        principals: [new ServicePrincipal('logging.s3.amazonaws.com')],
        actions: ['s3:PutObject'],
        resources: [logs.arnForObjects('*')],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    )
    acknowledge(logs, 'S1', 'This is where the access logs go; logging its own writes would never end')
    return logs
  }
}
