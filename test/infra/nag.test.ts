import assert from 'node:assert/strict'
import { it } from 'node:test'
import { App, CfnResource, Stack } from 'aws-cdk-lib'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { AwsSolutionsChecks } from 'cdk-nag'
import { stageNames } from '../../infra/stage.ts'
import { synthesize } from '../support/synthesized-app.ts'

// Synth here as a deploy does, with CloudFormation's own schemas: a template that breaks them throws.
process.env.CDK_VALIDATION = 'true'

/** Findings that nobody acknowledged, each with where it is. */
function findings(app: App): string[] {
  return new AwsSolutionsChecks()
    .validateScope(app)
    .violations.flatMap((violation) => violation.violatingResources.map((resource) => `${violation.ruleName} at ${resource.constructPath}`))
}

it('the check itself finds what is wrong', () => {
  const app = new App({ analyticsReporting: false })
  new Bucket(new Stack(app, 'wrong'), 'Open')
  assert.deepEqual(findings(app).sort(), ['AwsSolutions-S1 at wrong/Open/Resource', 'AwsSolutions-S10 at wrong/Open/Resource'])
})

const apps = new Map(stageNames.map((stage) => [stage, synthesize(stage).app]))

for (const [stage, app] of apps) {
  it(`${stage} has no finding that is not acknowledged`, () => {
    assert.deepEqual(findings(app), [])
  })
}

it('CloudFormation’s schemas are asked: a property that does not exist stops the synth', () => {
  const app = new App({ analyticsReporting: false, context: { '@aws-cdk/core:validateAgainstDefaultRules': true } })
  new CfnResource(new Stack(app, 'wrong'), 'Queue', { type: 'AWS::SQS::Queue', properties: { NoSuchProperty: 1 } })
  assert.throws(() => app.synth(), /Validation failed/)
  process.exitCode = 0
})

it('local without an authorizer has none either', () => {
  assert.deepEqual(findings(synthesize('local', { gatewayAuthenticates: 'false' }).app), [])
})

it('every acknowledgement has a reason that says something', () => {
  const reasons = apps
    .get('production')!
    .node.findAll()
    .flatMap((construct) =>
      construct.node.metadata
        .filter((entry) => entry.type === 'aws:cdk:acknowledged-rules')
        .flatMap((entry) =>
          Object.entries(entry.data as Record<string, string>).map(([rule, reason]) => ({ rule, reason, at: construct.node.path })),
        ),
    )
  assert.ok(reasons.length > 20)
  for (const { rule, reason, at } of reasons) assert.ok(reason.split(' ').length >= 8, `${rule} at ${at}: ${reason}`)
})
