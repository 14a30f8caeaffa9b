import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Match, type Template } from 'aws-cdk-lib/assertions'
import { resources, synthesize } from '../support/synthesized-app.ts'

const { ingest } = synthesize('production').templates

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

describe('load-chunk', () => {
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
      Timeout: 900,
    })
  })
})

it('the outputs that scripts read are there', () => {
  for (const name of [
    'MigrateFunctionName',
    'LoadChunkFunctionName',
    'PlanQueueUrl',
    'ChunkQueueUrl',
    'PlanDeadLetterQueueUrl',
    'ChunkDeadLetterQueueUrl',
    'SetAsideDeadLetterQueueUrl',
  ])
    ingest.hasOutput(name, {})
})
