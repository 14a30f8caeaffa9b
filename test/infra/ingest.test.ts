import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Match, type Template } from 'aws-cdk-lib/assertions'
import { readStage, stageNames } from '../../infra/stage.ts'
import { resources, synthesize } from '../support/synthesized-app.ts'

const { ingest } = synthesize('production').templates
const local = synthesize('local').templates.ingest

interface Mapping {
  readonly FunctionName: { Ref: string }
  readonly BatchSize: number
  readonly FunctionResponseTypes: string[]
  readonly ScalingConfig?: { MaximumConcurrency: number }
  readonly EventSourceArn: unknown
}
function mapping(template: Template, verb: string): Mapping {
  const name = verb.replaceAll('-', '')
  return resources<Mapping>(template, 'AWS::Lambda::EventSourceMapping').find(({ properties }) =>
    properties.FunctionName.Ref.startsWith(name),
  )!.properties
}

interface Statement {
  readonly Action: string | string[]
  readonly Resource: unknown
}
/** What the function's role may do. */
function policyOf(template: Template, verb: string): Statement[] {
  const prefix = verb.replaceAll('-', '')
  return resources<{ PolicyDocument: { Statement: Statement[] } }>(template, 'AWS::IAM::Policy')
    .filter(({ id }) => id.startsWith(prefix))
    .flatMap(({ properties }) => properties.PolicyDocument.Statement)
}

describe('plan-load', () => {
  it('takes ten messages of the plan queue at once and reports failures one by one', () => {
    const plan = mapping(ingest, 'plan-load')
    assert.equal(plan.BatchSize, 10)
    assert.deepEqual(plan.FunctionResponseTypes, ['ReportBatchItemFailures'])
    assert.match(JSON.stringify(plan.EventSourceArn), /planQueue/)
  })
})

describe('note-dead-letter', () => {
  it('takes ten messages of the queue of set-aside objects at once and reports failures one by one', () => {
    const note = mapping(ingest, 'note-dead-letter')
    assert.equal(note.BatchSize, 10)
    assert.deepEqual(note.FunctionResponseTypes, ['ReportBatchItemFailures'])
    assert.match(JSON.stringify(note.EventSourceArn), /setasideQueue/)
  })
})

describe('end-load', () => {
  it('takes what the plan and chunk queues have given up', () => {
    const sources = resources<Mapping>(ingest, 'AWS::Lambda::EventSourceMapping').filter(({ properties }) =>
      /DeadLetters/.test(JSON.stringify(properties.EventSourceArn)),
    )
    assert.deepEqual(
      sources.map(({ properties }) => /(plan|chunks)DeadLetters/.exec(JSON.stringify(properties.EventSourceArn))?.[1]).sort(),
      ['chunks', 'plan'],
    )
    for (const { properties } of sources) assert.deepEqual(properties.FunctionResponseTypes, ['ReportBatchItemFailures'])
  })
})

describe('load-chunk', () => {
  it('says every 15 seconds that it is at work, and waits for a database as long as the stream keeps records', () => {
    ingest.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ LEASE_SECONDS: '45', DATABASE_PATIENCE_SECONDS: String(66 * 3600) }) },
    })
  })
  it('takes one message of the chunk queue at once, and 16 side by side', () => {
    const chunks = mapping(ingest, 'load-chunk')
    assert.equal(chunks.BatchSize, 1)
    assert.deepEqual(chunks.FunctionResponseTypes, ['ReportBatchItemFailures'])
    assert.deepEqual(chunks.ScalingConfig, { MaximumConcurrency: 16 })
    assert.match(JSON.stringify(chunks.EventSourceArn), /chunksQueue/)
  })
  it('has a whole core and the longest time that Lambda gives', () => {
    ingest.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ POWERTOOLS_SERVICE_NAME: 'load-chunk' }) },
      MemorySize: 1769,
      EphemeralStorage: { Size: 1024 },
      Timeout: 900,
    })
  })
  it('and drain-parked may send to the queue that they read, for longer than Lambda’s guard against loops would let it', () => {
    type Fn = { RecursiveLoop?: string; Environment?: { Variables: { POWERTOOLS_SERVICE_NAME?: string } } }
    const loops = resources<Fn>(ingest, 'AWS::Lambda::Function').filter(({ properties }) => properties.RecursiveLoop === 'Allow')
    assert.deepEqual(loops.map(({ properties }) => properties.Environment?.Variables.POWERTOOLS_SERVICE_NAME).sort(), [
      'drain-parked',
      'load-chunk',
    ])
  })
})

describe('load-records', () => {
  interface StreamMapping extends Mapping {
    readonly Enabled?: boolean
    readonly StartingPosition: string
    readonly MaximumBatchingWindowInSeconds: number
    readonly ParallelizationFactor: number
    readonly BisectBatchOnFunctionError: boolean
    readonly MaximumRetryAttempts: number
    readonly MaximumRecordAgeInSeconds: number
    readonly DestinationConfig: { readonly OnFailure: { readonly Destination: unknown } }
    readonly FilterCriteria?: unknown
  }
  const records = (template: Template) => mapping(template, 'load-records') as StreamMapping

  it('takes as many records as Lambda gives, at once, two invocations a shard, from the stream’s beginning', () => {
    const { BatchSize, MaximumBatchingWindowInSeconds, ParallelizationFactor, StartingPosition, FunctionResponseTypes } = records(ingest)
    assert.deepEqual([BatchSize, MaximumBatchingWindowInSeconds, ParallelizationFactor, StartingPosition], [10_000, 0, 2, 'TRIM_HORIZON'])
    assert.deepEqual(FunctionResponseTypes, ['ReportBatchItemFailures'])
    assert.match(JSON.stringify(records(ingest).EventSourceArn), /batchesStream/)
    assert.equal(records(ingest).FilterCriteria, undefined)
  })
  it('halves what kills it, gives up by number and by age, and keeps what it gives up in a bucket', () => {
    const { BisectBatchOnFunctionError, MaximumRetryAttempts, MaximumRecordAgeInSeconds, DestinationConfig } = records(ingest)
    assert.deepEqual([BisectBatchOnFunctionError, MaximumRetryAttempts, MaximumRecordAgeInSeconds], [true, 2000, 66 * 3600])
    assert.match(JSON.stringify(DestinationConfig.OnFailure.Destination), /:s3:::millrace-production-dead-letters-/)
  })
  it('in every stage: gives a record up hours before the stream forgets it', () => {
    for (const name of stageNames) {
      const { stream, records } = readStage((key) => (key === 'stage' ? name : undefined))
      assert.ok(stream.retention.toHours() - records.maxAge.toHours() >= 4, name)
    }
  })
  it('may read the stream and write what it cannot load, and nothing more of either', () => {
    const statements = policyOf(ingest, 'load-records')
    const actionsOn = (resource: RegExp) =>
      statements.flatMap(({ Action, Resource }) => (resource.test(JSON.stringify(Resource)) ? [Action].flat() : [])).sort()
    assert.deepEqual(actionsOn(/batchesStream/), [
      'kinesis:DescribeStream',
      'kinesis:DescribeStreamSummary',
      'kinesis:GetRecords',
      'kinesis:GetShardIterator',
      'kinesis:ListShards',
    ])
    assert.deepEqual(actionsOn(/dead-letters/), ['s3:DeleteObject', 's3:ListBucket', 's3:PutObject'])
  })
  it('runs in the VPC with a whole core', () => {
    ingest.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ POWERTOOLS_SERVICE_NAME: 'load-records' }) },
      MemorySize: 1769,
      Timeout: 120,
      VpcConfig: Match.anyValue(),
    })
  })
  it('locally has the same mapping, disabled: the pump serves it', () => {
    const { Enabled, BisectBatchOnFunctionError } = records(local)
    assert.deepEqual([Enabled, BisectBatchOnFunctionError, records(ingest).Enabled], [false, true, true])
  })
})

describe('drain-parked', () => {
  it('takes one dataset a message, for as long as a chunk may take, and gives it back soon after it was killed', () => {
    const parked = mapping(ingest, 'drain-parked')
    assert.equal(parked.BatchSize, 1)
    assert.match(JSON.stringify(parked.EventSourceArn), /parkedQueue/)
    ingest.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({ POWERTOOLS_SERVICE_NAME: 'drain-parked', PATIENCE_SECONDS: String(66 * 3600), LEASE_SECONDS: '45' }),
      },
      Timeout: 900,
    })
  })
})

it('the outputs that scripts read are there', () => {
  for (const name of [
    'MigrateFunctionName',
    'LoadChunkFunctionName',
    'LoadRecordsFunctionName',
    'PlanQueueUrl',
    'ChunkQueueUrl',
    'PlanDeadLetterQueueUrl',
    'ChunkDeadLetterQueueUrl',
    'SetAsideQueueUrl',
    'SetAsideDeadLetterQueueUrl',
  ])
    ingest.hasOutput(name, {})
})
