import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Match } from 'aws-cdk-lib/assertions'
import { resources, synthesize } from '../support/synthesized-app.ts'

const production = synthesize('production')
const { storage } = production.templates
const local = synthesize('local').templates.storage

interface Bucket {
  readonly BucketName?: unknown
  readonly BucketEncryption: {
    ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: string }; BucketKeyEnabled?: boolean }]
  }
  readonly LifecycleConfiguration: {
    Rules: [{ ExpirationInDays: number; AbortIncompleteMultipartUpload?: { DaysAfterInitiation: number } }]
  }
  readonly PublicAccessBlockConfiguration: Record<string, boolean>
  readonly LoggingConfiguration?: unknown
}
const buckets = resources<Bucket>(storage, 'AWS::S3::Bucket')
const dataBuckets = buckets.filter(({ properties }) => properties.BucketName !== undefined)
const named = (part: string) =>
  dataBuckets.find(({ properties }) => JSON.stringify(properties.BucketName).includes(`-${part}-`))!.properties

/** Ids of the resources that a policy of this type denies to whoever does not speak TLS. */
function tlsOnly(policyType: string, subject: string): string[] {
  type Policy = { PolicyDocument: { Statement: { Effect: string; Condition?: unknown }[] } } & Record<string, unknown>
  return resources<Policy>(storage, policyType)
    .filter(({ properties }) =>
      properties.PolicyDocument.Statement.some(
        (s) => s.Effect === 'Deny' && JSON.stringify(s.Condition) === '{"Bool":{"aws:SecureTransport":"false"}}',
      ),
    )
    .map(({ properties }) => JSON.stringify(properties[subject]))
}

describe('buckets', () => {
  it('are raw, rejects and dead-letters, and one for access logs', () => {
    assert.equal(dataBuckets.length, 3)
    assert.equal(buckets.length, 4)
    for (const part of ['raw', 'rejects', 'dead-letters']) assert.ok(named(part), part)
  })
  it('encrypt data with the stage’s own key, one data key for many objects', () => {
    for (const { properties } of dataBuckets) {
      const [rule] = properties.BucketEncryption.ServerSideEncryptionConfiguration
      assert.equal(rule.ServerSideEncryptionByDefault.SSEAlgorithm, 'aws:kms')
      assert.equal(rule.BucketKeyEnabled, true)
    }
  })
  it('are closed to the public in all four ways', () => {
    for (const { properties } of buckets)
      assert.deepEqual(Object.values(properties.PublicAccessBlockConfiguration), [true, true, true, true])
  })
  it('refuse requests without TLS', () => {
    const denied = tlsOnly('AWS::S3::BucketPolicy', 'Bucket')
    for (const { id } of buckets) assert.ok(denied.includes(JSON.stringify({ Ref: id })), id)
  })
  it('log who read what', () => {
    for (const { properties } of dataBuckets) assert.ok(properties.LoggingConfiguration)
  })
  it('keep uploads for 30 days, and abort unfinished ones only after the week in which they can be resumed', () => {
    const [rule] = named('raw').LifecycleConfiguration.Rules
    assert.equal(rule.ExpirationInDays, 30)
    assert.equal(rule.AbortIncompleteMultipartUpload!.DaysAfterInitiation, 8)
  })
  it('keep rejects and dead letters for 30 days and abort what was left unfinished', () => {
    for (const part of ['rejects', 'dead-letters']) {
      const [rule] = named(part).LifecycleConfiguration.Rules
      assert.equal(rule.ExpirationInDays, 30)
      assert.equal(rule.AbortIncompleteMultipartUpload!.DaysAfterInitiation, 1)
    }
  })
  it('let pages PUT parts and read their ETag and checksum', () => {
    storage.hasResourceProperties('AWS::S3::Bucket', {
      CorsConfiguration: {
        CorsRules: [{ AllowedMethods: ['PUT'], AllowedOrigins: ['*'], ExposedHeaders: ['ETag', 'x-amz-checksum-crc32'] }],
      },
    })
  })
  it('survive the deletion of their stack', () => {
    assert.equal(Object.values(storage.findResources('AWS::S3::Bucket', { DeletionPolicy: 'Retain' })).length, 4)
  })
})

for (const [bucket, name, queue] of [
  ['raw', 'raw', 'planQueue'],
  ['deadletters', 'dead-letters', 'setasideQueue'],
] as const)
  describe(`objects of the bucket ${name} are announced`, () => {
    it(`for every created object, to ${queue}`, () => {
      storage.hasResourceProperties('AWS::S3::Bucket', {
        NotificationConfiguration: {
          QueueConfigurations: [{ Event: 's3:ObjectCreated:*', Queue: { 'Fn::GetAtt': [Match.stringLikeRegexp(`^${queue}`), 'Arn'] } }],
        },
      })
    })
    it('by S3 on behalf of this bucket of this account, and nobody else', () => {
      storage.hasResourceProperties('AWS::SQS::QueuePolicy', {
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Allow',
              Action: 'sqs:SendMessage',
              Principal: { Service: 's3.amazonaws.com' },
              Condition: {
                ArnEquals: { 'aws:SourceArn': { 'Fn::Join': ['', Match.arrayWith([`:s3:::millrace-production-${name}-`])] } },
                StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
              },
            }),
          ]),
        },
      })
    })
    it('only once the queue’s policy stands: S3 tries it when the bucket is made', () => {
      const { dependsOn } = resources<Bucket>(storage, 'AWS::S3::Bucket').find(({ id }) => id.startsWith(bucket))!
      assert.ok(
        dependsOn.some((id) => id.startsWith(`${queue}Policy`)),
        String(dependsOn),
      )
    })
  })

describe('the table', () => {
  it('can be restored to any second, and forgets what has expired', () => {
    storage.hasResourceProperties('AWS::DynamoDB::Table', {
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
      BillingMode: 'PAY_PER_REQUEST',
    })
  })
  it('is encrypted with the stage’s own key and protected from deletion', () => {
    storage.hasResourceProperties('AWS::DynamoDB::Table', {
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
      DeletionProtectionEnabled: true,
    })
  })
  it('lists a tenant’s loads by time', () => {
    storage.hasResourceProperties('AWS::DynamoDB::Table', {
      GlobalSecondaryIndexes: [
        {
          IndexName: 'byTenant',
          KeySchema: [
            { AttributeName: 'tenantPk', KeyType: 'HASH' },
            { AttributeName: 'createdSk', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['dataset', 'state', 'expiresAt'] },
        },
      ],
    })
  })
})

describe('queues', () => {
  interface Queue {
    readonly KmsMasterKeyId?: unknown
    readonly RedrivePolicy?: { maxReceiveCount: number; deadLetterTargetArn: { 'Fn::GetAtt': [string, string] } }
    readonly VisibilityTimeout?: number
    readonly MessageRetentionPeriod: number
  }
  const queues = resources<Queue>(storage, 'AWS::SQS::Queue')
  const visibility = (prefix: string) => queues.find(({ id }) => id.startsWith(prefix))!.properties.VisibilityTimeout

  it('are four, each with dead letters after five receives', () => {
    const working = queues.filter(({ properties }) => properties.RedrivePolicy)
    assert.equal(working.length, 4)
    assert.equal(queues.length, 8)
    for (const { properties } of working) {
      assert.equal(properties.RedrivePolicy!.maxReceiveCount, 5)
      assert.ok(queues.some(({ id }) => id === properties.RedrivePolicy!.deadLetterTargetArn['Fn::GetAtt'][0]))
    }
  })
  it('hide a message for twice as long as its function may run', () => {
    assert.equal(visibility('planQueue'), 2 * 60)
    assert.equal(visibility('chunksQueue'), 2 * 900)
  })
  it('are encrypted with the stage’s own key and keep messages for 14 days', () => {
    for (const { properties } of queues) {
      assert.ok(properties.KmsMasterKeyId)
      assert.equal(properties.MessageRetentionPeriod, 14 * 86_400)
    }
  })
  it('refuse requests without TLS', () => {
    const denied = tlsOnly('AWS::SQS::QueuePolicy', 'Queues')
    for (const { id } of queues) assert.ok(denied.includes(JSON.stringify([{ Ref: id }])), id)
  })
})

describe('the stream of batches', () => {
  it('is on demand, encrypted with the stage’s own key, and keeps records for three days', () => {
    storage.hasResourceProperties('AWS::Kinesis::Stream', {
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      RetentionPeriodHours: 72,
      StreamEncryption: { EncryptionType: 'KMS', KeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Key'), 'Arn'] } },
      ShardCount: Match.absent(),
    })
  })
  it('survives the deletion of its stack', () => {
    assert.equal(Object.values(storage.findResources('AWS::Kinesis::Stream', { DeletionPolicy: 'Retain' })).length, 1)
  })
  it('has provisioned shards where the stage says so', () => {
    local.hasResourceProperties('AWS::Kinesis::Stream', { StreamModeDetails: { StreamMode: 'PROVISIONED' }, ShardCount: 4 })
  })
})

it('the key is rotated', () => {
  storage.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true })
})

describe('the local stage', () => {
  it('has the same buckets, table, queues and stream, with keys that the service owns', () => {
    assert.equal(resources(local, 'AWS::S3::Bucket').length, 3)
    assert.equal(resources(local, 'AWS::SQS::Queue').length, 8)
    assert.equal(resources(local, 'AWS::DynamoDB::Table').length, 1)
    assert.equal(resources(local, 'AWS::Kinesis::Stream').length, 1)
    assert.equal(resources(local, 'AWS::KMS::Key').length, 0)
  })
  it('can be deleted', () => {
    assert.equal(Object.values(local.findResources('AWS::S3::Bucket', { DeletionPolicy: 'Delete' })).length, 3)
  })
})
