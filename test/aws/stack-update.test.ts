import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App, CfnOutput, Fn, Stack, Tags } from 'aws-cdk-lib'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { cdk } from '../../localstack/cdk.ts'
import { deployAssembly } from '../../localstack/deploy.ts'
import { detectEmulator } from '../../localstack/endpoint.ts'
import { stateDir } from '../../localstack/state-dir.ts'
import { setting } from '../support/stage.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const endpoint = setting('AWS_ENDPOINT_URL')
const kind = (await detectEmulator(endpoint))!
const skip = kind === 'localstack' && 'LocalStack ignores most updates of a stack'

test('an older deployment takes an export that is new, and the stack that needs it', { skip }, async () => {
  const dir = stateDir(temporaryFolder())
  const signal = AbortSignal.timeout(120_000)
  const stack = (app: App, id: string): Stack => {
    const made = new Stack(app, `update-${id}`)
    new LogGroup(made, 'Log')
    return made
  }
  const deploy = (compose: (giving: Stack, taking: Stack) => void) => {
    const app = new App({ outdir: dir.assembly })
    const [giving, taking] = [stack(app, 'giving'), stack(app, 'taking')]
    taking.addStackDependency(giving)
    compose(giving, taking)
    app.synth()
    return deployAssembly({ dir, endpoint, kind, signal })
  }
  try {
    await deploy(() => undefined)
    const outputs = await deploy((giving, taking) => {
      new CfnOutput(giving, 'Given', { value: 'given', exportName: 'update-given' })
      Tags.of(taking).add('given', Fn.importValue('update-given'))
    })
    assert.deepEqual(outputs, { 'update-giving': { Given: 'given' } })
  } finally {
    await cdk(['destroy', '--app', dir.assembly, '--all', '--force'], { dir, endpoint, signal, log: 'destroy.log' })
  }
})
