import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Match } from 'aws-cdk-lib/assertions'
import { givenSecret, resources, synthesize } from '../support/synthesized-app.ts'

const { database, ingest } = synthesize('production').templates
const staging = synthesize('staging').templates.database
const local = synthesize('local').templates

describe('the network', () => {
  it('has no way out: no internet gateway, no NAT, no public address', () => {
    for (const type of ['AWS::EC2::InternetGateway', 'AWS::EC2::NatGateway', 'AWS::EC2::EIP']) database.resourceCountIs(type, 0)
    for (const { properties } of resources<{ MapPublicIpOnLaunch?: boolean }>(database, 'AWS::EC2::Subnet'))
      assert.equal(properties.MapPublicIpOnLaunch, false)
  })
  it('reaches AWS by endpoints: S3 and DynamoDB by gateways, the rest by interfaces', () => {
    type Endpoint = { VpcEndpointType: string; ServiceName: unknown }
    const endpoints = resources<Endpoint>(database, 'AWS::EC2::VPCEndpoint').map(
      ({ properties: p }) => `${p.VpcEndpointType} ${/\.(\w+)"?\]*\}?$/.exec(JSON.stringify(p.ServiceName))?.[1]}`,
    )
    assert.deepEqual(endpoints.sort(), [
      'Gateway dynamodb',
      'Gateway s3',
      'Interface logs',
      'Interface secretsmanager',
      'Interface sqs',
      'Interface xray',
    ])
  })
  it('lets no data leave for another account through the gateways', () => {
    for (const { properties } of resources<{ VpcEndpointType: string; PolicyDocument?: unknown }>(database, 'AWS::EC2::VPCEndpoint'))
      if (properties.VpcEndpointType === 'Gateway')
        assert.match(JSON.stringify(properties.PolicyDocument), /"aws:ResourceAccount":\{"Ref":"AWS::AccountId"\}/)
  })
  it('records what it refused', () => {
    database.hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'REJECT' })
  })
  it('lets nobody in from an address: only from security groups that are named', () => {
    for (const { properties } of resources<Record<string, unknown>>(database, 'AWS::EC2::SecurityGroupIngress')) {
      assert.ok(properties.SourceSecurityGroupId)
      assert.equal(properties.CidrIp, undefined)
    }
    for (const { properties } of resources<{ SecurityGroupIngress?: unknown }>(database, 'AWS::EC2::SecurityGroup'))
      assert.equal(properties.SecurityGroupIngress, undefined)
  })
})

describe('Aurora', () => {
  it('is PostgreSQL 18, serverless, never paused, in one writer and one reader', () => {
    database.hasResourceProperties('AWS::RDS::DBCluster', {
      Engine: 'aurora-postgresql',
      EngineVersion: Match.stringLikeRegexp('^18\\.'),
      ServerlessV2ScalingConfiguration: { MinCapacity: 2, MaxCapacity: 64 },
    })
    database.resourcePropertiesCountIs('AWS::RDS::DBInstance', { DBInstanceClass: 'db.serverless', PubliclyAccessible: false }, 2)
  })
  it('is encrypted with a key of its own, which is rotated', () => {
    database.hasResourceProperties('AWS::RDS::DBCluster', {
      StorageEncrypted: true,
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Key'), 'Arn'] },
    })
    database.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true })
  })
  it('is backed up for 14 days, protected from deletion, and kept when its stack goes', () => {
    database.hasResource('AWS::RDS::DBCluster', {
      DeletionPolicy: 'Retain',
      Properties: { BackupRetentionPeriod: 14, DeletionProtection: true, CopyTagsToSnapshot: true },
    })
  })
  it('takes IAM tokens, speaks TLS only, and keeps rows out of its log', () => {
    database.hasResourceProperties('AWS::RDS::DBCluster', {
      EnableIAMDatabaseAuthentication: true,
      EnableCloudwatchLogsExports: ['postgresql'],
    })
    database.hasResourceProperties('AWS::RDS::DBClusterParameterGroup', {
      Family: 'aurora-postgresql18',
      Parameters: { 'rds.force_ssl': '1', log_error_verbosity: 'terse' },
    })
  })
  it('may be deleted in staging', () => {
    staging.hasResource('AWS::RDS::DBCluster', { DeletionPolicy: 'Delete', Properties: { DeletionProtection: false } })
  })
})

describe('the proxy', () => {
  it('requires TLS, and IAM tokens of whoever connects', () => {
    database.hasResourceProperties('AWS::RDS::DBProxy', {
      RequireTLS: true,
      Auth: [{ AuthScheme: 'SECRETS', IAMAuth: 'REQUIRED', ClientPasswordAuthType: 'POSTGRES_SCRAM_SHA_256' }],
    })
  })
  it('leaves connections for migrations and people', () => {
    database.hasResourceProperties('AWS::RDS::DBProxyTargetGroup', { ConnectionPoolConfigurationInfo: { MaxConnectionsPercent: 80 } })
  })
  it('gets its targets after the migrations: they make the role that it logs in with', () => {
    const [target] = resources(database, 'AWS::RDS::DBProxyTargetGroup')
    const [trigger] = resources(database, 'Custom::Trigger')
    assert.ok(target!.dependsOn.includes(trigger!.id), String(target!.dependsOn))
  })
  it('lets the functions of ingest that are in the VPC in as millrace_loader, and as nobody else', () => {
    const grants = resources<{ PolicyDocument: { Statement: { Action: unknown; Resource: unknown }[] } }>(ingest, 'AWS::IAM::Policy')
      .flatMap(({ properties }) => properties.PolicyDocument.Statement)
      .filter((s) => s.Action === 'rds-db:connect')
    const inside = resources<{ VpcConfig?: unknown }>(ingest, 'AWS::Lambda::Function').filter(({ properties }) => properties.VpcConfig)
    assert.ok(grants.length > 0)
    assert.equal(grants.length, inside.length)
    for (const { Resource } of grants) assert.match(JSON.stringify(Resource), /\/millrace_loader"/)
  })
})

describe('secrets', () => {
  it('are encrypted with the database’s own key', () => {
    for (const { id, properties } of resources<{ KmsKeyId?: unknown }>(database, 'AWS::SecretsManager::Secret'))
      assert.ok(properties.KmsKeyId, id)
  })
  it('with a password are generated, and rotated every 30 days', () => {
    type Secret = { GenerateSecretString?: unknown; SecretString?: unknown }
    const generated = resources<Secret>(database, 'AWS::SecretsManager::Secret').filter(({ properties }) => properties.GenerateSecretString)
    const rotations = resources<{ RotationRules: unknown }>(database, 'AWS::SecretsManager::RotationSchedule')
    assert.equal(generated.length, 2)
    assert.equal(rotations.length, 2)
    for (const { properties } of rotations) assert.deepEqual(properties.RotationRules, { ScheduleExpression: 'rate(30 days)' })
  })
  it('for loaders hold the proxy’s address, TLS, and no password', () => {
    const text = resources<{ SecretString?: unknown }>(database, 'AWS::SecretsManager::Secret')
      .map(({ properties }) => JSON.stringify(properties.SecretString))
      .find((t) => t !== undefined)!
    assert.match(text, /\\"username\\":\\"millrace_loader\\",\\"tls\\":true/)
    assert.doesNotMatch(text, /password/i)
  })
})

describe('migrations', () => {
  it('run at every deploy that changes them, after Aurora, and are waited for: a failure fails the deploy', () => {
    database.hasResourceProperties('Custom::Trigger', {
      InvocationType: 'RequestResponse',
      ExecuteOnHandlerChange: true,
      Timeout: '600000',
    })
    const [trigger] = resources(database, 'Custom::Trigger')
    for (const prefix of ['AuroraCluster', 'LoaderSecretAttachment', 'NetworkVpcSecrets'])
      assert.ok(
        trigger!.dependsOn.some((id) => id.startsWith(prefix)),
        `${prefix}: ${trigger!.dependsOn}`,
      )
  })
  it('run once a day as well, for the partitions of the days to come', () => {
    database.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 day)', State: 'ENABLED' })
  })
})

describe('the local stage', () => {
  it('connects by the secret that it is given, and has no network, cluster or proxy', () => {
    for (const type of ['AWS::EC2::VPC', 'AWS::RDS::DBCluster', 'AWS::RDS::DBProxy', 'Custom::Trigger'])
      local.database.resourceCountIs(type, 0)
    local.ingest.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ DATABASE_SECRET_ARN: givenSecret }) },
    })
    local.database.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ DATABASE_SECRET_ARN: givenSecret, LOADER_SECRET_ARN: givenSecret }) },
    })
  })
})
