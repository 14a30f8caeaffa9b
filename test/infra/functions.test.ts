import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { EnvSpec } from '#core/env.ts'
import { resources, synthesize } from '../support/synthesized-app.ts'

const { all } = synthesize('production')
const root = join(import.meta.dirname, '../..')

interface Fn {
  readonly Runtime: string
  readonly Architectures: string[]
  readonly TracingConfig: { Mode: string }
  readonly LoggingConfig: { LogGroup: { Ref: string } }
  readonly Environment: { Variables: Record<string, unknown> }
  readonly Role: { 'Fn::GetAtt': [string, string] }
  readonly VpcConfig?: unknown
}
interface Statement {
  readonly Effect: string
  readonly Action: string | string[]
  readonly Resource: unknown
  readonly Condition?: unknown
}
interface Policy {
  readonly Roles: { Ref: string }[]
  readonly PolicyDocument: { Statement: Statement[] }
}
const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value])

/** Our functions by verb; CDK's own helpers have no service name. */
const functions = all.flatMap((template) =>
  resources<Fn>(template, 'AWS::Lambda::Function')
    .filter(({ properties }) => properties.Environment?.Variables.POWERTOOLS_SERVICE_NAME)
    .map(({ properties }) => ({
      verb: String(properties.Environment.Variables.POWERTOOLS_SERVICE_NAME),
      properties,
      template,
      statements: resources<Policy>(template, 'AWS::IAM::Policy')
        .filter((p) => p.properties.Roles.some((role) => role.Ref === properties.Role['Fn::GetAtt'][0]))
        .flatMap((p) => p.properties.PolicyDocument.Statement),
    })),
)

/** What a function may do besides logging, tracing and using keys; SQS consumers may also take messages. */
const consume = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:ReceiveMessage']
const rights: Readonly<Record<string, readonly string[]>> = {
  authorize: ['dynamodb:GetItem'],
  'show-datasets': ['dynamodb:GetItem'],
  'open-upload': ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 's3:AbortMultipartUpload', 's3:PutObject'],
  'submit-batch': [
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
    'kinesis:PutRecords',
    's3:AbortMultipartUpload',
    's3:PutObject',
  ],
  'sign-parts': ['dynamodb:GetItem', 's3:PutObject'],
  'show-upload': ['dynamodb:GetItem', 's3:ListMultipartUploadParts'],
  'complete-upload': [
    'dynamodb:GetItem',
    'dynamodb:UpdateItem',
    's3:AbortMultipartUpload',
    's3:GetObject',
    's3:ListBucket',
    's3:ListMultipartUploadParts',
    's3:PutObject',
  ],
  'abort-upload': ['dynamodb:GetItem', 'dynamodb:UpdateItem', 's3:AbortMultipartUpload', 's3:GetObject', 's3:ListBucket'],
  'list-loads': ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'],
  'show-load': ['dynamodb:GetItem'],
  'list-rejects': ['dynamodb:GetItem', 'dynamodb:Query', 's3:AbortMultipartUpload', 's3:GetObject', 's3:ListBucket', 's3:PutObject'],
  'replay-load': [
    'dynamodb:BatchGetItem',
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:Query',
    'dynamodb:UpdateItem',
    'kinesis:PutRecords',
    'lambda:InvokeFunction',
    's3:GetObject',
    's3:ListBucket',
    'sqs:SendMessage',
  ],
  'replay-stream': [
    'dynamodb:BatchGetItem',
    'dynamodb:GetItem',
    'dynamodb:UpdateItem',
    'kinesis:GetRecords',
    'kinesis:GetShardIterator',
    'kinesis:ListShards',
    'kinesis:PutRecords',
  ],
  'list-dead-letters': ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query', 's3:GetObject', 's3:ListBucket'],
  'check-health': [
    'dynamodb:DescribeTable',
    'dynamodb:GetItem',
    'kinesis:DescribeStreamSummary',
    'lambda:InvokeFunction',
    's3:ListBucket',
    'sqs:GetQueueAttributes',
  ],
  'show-contract': [],
  'plan-load': ['dynamodb:GetItem', 'dynamodb:UpdateItem', 's3:GetObject', 's3:ListBucket', 's3:PutObject', ...consume, 'sqs:SendMessage'],
  'load-chunk': [
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:Query',
    'dynamodb:UpdateItem',
    'rds-db:connect',
    's3:AbortMultipartUpload',
    's3:GetObject',
    's3:ListBucket',
    's3:PutObject',
    'secretsmanager:GetSecretValue',
    ...consume,
    'sqs:SendMessage',
  ],
  'probe-database': ['dynamodb:GetItem', 'dynamodb:UpdateItem', 'rds-db:connect', 'secretsmanager:GetSecretValue'],
  'check-order': ['rds-db:connect', 's3:GetObject', 's3:ListBucket', 'secretsmanager:GetSecretValue'],
  'load-records': [
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:Query',
    'dynamodb:UpdateItem',
    'kinesis:DescribeStream',
    'kinesis:DescribeStreamSummary',
    'kinesis:GetRecords',
    'kinesis:GetShardIterator',
    'kinesis:ListShards',
    'rds-db:connect',
    's3:AbortMultipartUpload',
    's3:DeleteObject',
    's3:ListBucket',
    's3:PutObject',
    'secretsmanager:GetSecretValue',
    'sqs:SendMessage',
  ],
  'drain-parked': [
    'dynamodb:DeleteItem',
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:Query',
    'dynamodb:UpdateItem',
    'rds-db:connect',
    's3:AbortMultipartUpload',
    's3:DeleteObject',
    's3:GetObject',
    's3:ListBucket',
    's3:PutObject',
    'secretsmanager:GetSecretValue',
    ...consume,
    'sqs:SendMessage',
  ],
  'note-dead-letter': ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 's3:GetObject', 's3:ListBucket', ...consume],
  'end-load': ['dynamodb:GetItem', 'dynamodb:UpdateItem', 's3:PutObject', ...consume],
  migrate: ['secretsmanager:GetSecretValue'],
}
/** Those that talk to Postgres. */
const needDatabase = ['check-order', 'drain-parked', 'load-chunk', 'load-records', 'migrate', 'probe-database']
const everybody = /^(logs:(CreateLogStream|PutLogEvents)|xray:Put(TraceSegments|TelemetryRecords)|kms:\w+|ec2:\w+)$/

it('every verb has its function', () => {
  assert.deepEqual(functions.map((f) => f.verb).sort(), Object.keys(rights).sort())
})

for (const { verb, properties, template, statements } of functions) {
  describe(verb, () => {
    const allowed = statements.filter((s) => s.Effect === 'Allow')
    const variables = properties.Environment.Variables

    it('runs on Node 24, ARM64, traced', () => {
      assert.equal(properties.Runtime, 'nodejs24.x')
      assert.deepEqual(properties.Architectures, ['arm64'])
      assert.equal(properties.TracingConfig.Mode, 'Active')
    })
    it('logs to a group that forgets after 90 days', () => {
      const group = resources<{ RetentionInDays: number }>(template, 'AWS::Logs::LogGroup').find(
        ({ id }) => id === properties.LoggingConfig.LogGroup.Ref,
      )
      assert.equal(group?.properties.RetentionInDays, 90)
    })
    it('is given every variable of its own env.ts, and what the log and the metrics need', async () => {
      const { spec } = (await import(pathToFileURL(join(root, 'functions', verb, 'env.ts')).href)) as { spec: EnvSpec }
      const house = ['NODE_OPTIONS', 'POWERTOOLS_LOG_LEVEL', 'POWERTOOLS_METRICS_NAMESPACE', 'POWERTOOLS_SERVICE_NAME']
      const trust = verb === 'migrate' ? ['NODE_EXTRA_CA_CERTS'] : []
      assert.deepEqual(Object.keys(variables).sort(), [...Object.keys(spec), ...house, ...trust].sort())
      assert.equal(variables.POWERTOOLS_METRICS_NAMESPACE, 'Millrace')
    })
    it('is given secrets by ARN only', () => {
      for (const [name, value] of Object.entries(variables)) {
        assert.doesNotMatch(JSON.stringify(value), /resolve:|PASSWORD/i, name)
        if (/SECRET/.test(name)) assert.match(name, /_ARN$/)
      }
    })
    it('may do its own work and nothing else', () => {
      const actions = allowed.flatMap((s) => list(s.Action)).filter((action) => !everybody.test(action))
      assert.deepEqual([...new Set(actions)].sort(), [...rights[verb]!].sort())
    })
    it('has no right with a wildcard, but for tracing, network interfaces and the objects of a bucket', () => {
      for (const statement of allowed) {
        for (const action of list(statement.Action)) assert.doesNotMatch(action, /\*/)
        for (const resource of list(statement.Resource)) {
          const text = JSON.stringify(resource)
          if (!text.includes('*')) continue
          if (text === '"*"') for (const action of list(statement.Action)) assert.match(action, /^(xray:Put|ec2:)/)
          else {
            assert.match(text, /:s3:::millrace-production-(raw|rejects|dead-letters)-.*\/\*"/)
            for (const action of list(statement.Action)) assert.match(action, /^s3:\w+$/)
          }
        }
      }
    })
    it('uses keys only by way of the services that hold the data', () => {
      for (const statement of allowed.filter((s) => list(s.Action).some((a) => a.startsWith('kms:')))) {
        // Lambda's own poller decrypts messages before the function sees them; CDK grants that by itself.
        const poller = list(statement.Action).join() === 'kms:Decrypt'
        assert.ok(poller || JSON.stringify(statement.Condition ?? {}).includes('kms:ViaService'), JSON.stringify(statement))
      }
    })
    it(`is ${needDatabase.includes(verb) ? 'inside' : 'outside'} the VPC`, () => {
      assert.equal(properties.VpcConfig !== undefined, needDatabase.includes(verb))
    })
  })
}

it('no role has a managed policy but the one that logs for API Gateway', () => {
  const managed = all
    .flatMap((template) => resources<{ ManagedPolicyArns?: unknown[] }>(template, 'AWS::IAM::Role'))
    .flatMap(({ properties }) => properties.ManagedPolicyArns ?? [])
    .map((arn) => JSON.stringify(arn))
    .filter((arn) => !arn.includes('service-role/AWSLambdaBasicExecutionRole'))
  assert.equal(managed.length, 1)
  assert.match(managed[0]!, /AmazonAPIGatewayPushToCloudWatchLogs/)
})
