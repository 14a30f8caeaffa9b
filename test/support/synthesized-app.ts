import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, type Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { compose } from '../../infra/app.ts'
import type { StageName } from '../../infra/stage.ts'

const root = join(import.meta.dirname, '../..')

// CloudFormation's schemas take seconds to load into each process; one test asks for them (nag.test.ts), and every synth of a deploy.
process.env.CDK_VALIDATION ??= 'false'

/** Any ARN will do: nothing is looked up at synth. */
export const givenSecret = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:given-AbCdEf'

/** The app of a stage as `cdk synth` composes it, without the functions' bundles unless their stacks are named. */
export function synthesize(stage: StageName, context: Record<string, unknown> = {}, bundled: readonly string[] = []) {
  const { context: flags } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> }
  const outdir = mkdtempSync(join(tmpdir(), 'millrace-synth-'))
  process.on('exit', () => rmSync(outdir, { recursive: true, force: true }))
  const app = new App({
    analyticsReporting: false,
    outdir,
    context: { ...flags, 'aws:cdk:bundling-stacks': bundled, stage, databaseSecretArn: givenSecret, ...context },
  })
  const stacks = compose(app)
  const template = (stack: Stack): Template => Template.fromStack(stack)
  const templates = {
    storage: template(stacks.storage),
    database: template(stacks.database),
    ingest: template(stacks.ingest),
    api: template(stacks.api),
    watch: template(stacks.watch),
  }
  return { app, outdir, stacks, templates, all: Object.values(templates) }
}

/** Resources of a type, with their properties in the shape that a test reads. */
export function resources<P>(
  template: Template,
  type: string,
): { readonly id: string; readonly properties: P; readonly dependsOn: string[] }[] {
  return Object.entries(template.findResources(type)).map(([id, { Properties, DependsOn }]) => ({
    id,
    properties: Properties ?? {},
    dependsOn: DependsOn ?? [],
  }))
}
