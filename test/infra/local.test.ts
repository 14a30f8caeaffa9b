import assert from 'node:assert/strict'
import { it } from 'node:test'
import { App } from 'aws-cdk-lib'
import { readStage } from '../../infra/stage.ts'
import { synthesize } from '../support/synthesized-app.ts'

const { all } = synthesize('local')

/** What MiniStack 1.5.33 and LocalStack 4.14 have both been seen to deploy. One type that they do not know refuses a whole stack. */
const known = new Set([
  'AWS::ApiGateway::Account',
  'AWS::ApiGateway::Authorizer',
  'AWS::ApiGateway::Deployment',
  'AWS::ApiGateway::GatewayResponse',
  'AWS::ApiGateway::Method',
  'AWS::ApiGateway::Resource',
  'AWS::ApiGateway::RestApi',
  'AWS::ApiGateway::Stage',
  'AWS::ApiGateway::UsagePlan',
  'AWS::CloudWatch::Alarm',
  'AWS::DynamoDB::Table',
  'AWS::Events::Rule',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::Kinesis::Stream',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Permission',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::Topic',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
])

it('the local stage uses only what the emulators deploy', () => {
  const types = all.flatMap((template) => Object.values((template.toJSON() as { Resources: Record<string, { Type: string }> }).Resources))
  assert.deepEqual(
    [...new Set(types.map((r) => r.Type))].filter((type) => !known.has(type)),
    [],
  )
})

it('a stage that does not exist is refused by name', () => {
  const context = (values: Record<string, unknown>) => (name: string) => values[name]
  assert.throws(() => readStage(context({ stage: 'prod' })), /There is no stage "prod": use -c stage=local\|staging\|production/)
  assert.throws(() => readStage(context({ gatewayAuthenticates: 'no' })), /must be true or false, not "no"/)
  assert.equal(readStage(context({})).name, 'local')
})

it('local without a database fails the deploy in plain words, and bootstrap all the same works', () => {
  const { stacks } = synthesize('local', { databaseSecretArn: '' })
  const errors = stacks.database.node.metadata.filter((entry) => entry.type === 'aws:cdk:error').map((entry) => String(entry.data))
  assert.equal(errors.length, 1)
  assert.match(errors[0]!, /databaseSecretArn/)
  assert.ok(App.isApp(stacks.database.node.root))
})
