import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { region } from './aws.ts'
import { cdk } from './cdk.ts'
import type { EmulatorKind } from './endpoint.ts'
import { LocalFailure } from './failure.ts'
import { sourcesHash, templatesHash } from './fingerprint.ts'
import type { DeploymentNote, Outputs, Secrets } from './secrets.ts'
import type { StateDir } from './state-dir.ts'

/** Both emulators take every key that is not itself twelve digits as this account's. */
const account = '000000000000'

/** Stacks that were synthesized into a state dir, and where they go. */
interface Assembly {
  readonly dir: StateDir
  readonly endpoint: string
  readonly kind: EmulatorKind
  readonly signal: AbortSignal
}
export interface DeployOptions extends Assembly {
  readonly secrets: Secrets
  readonly databaseSecretArn: string
  readonly step: <T>(name: string, run: () => Promise<T>) => Promise<T>
}

/** True when the emulator holds what these sources make. */
const isCurrent = (note: DeploymentNote | undefined, options: Pick<DeployOptions, 'kind' | 'databaseSecretArn'>): boolean =>
  note?.complete === true && note.sources === sourcesHash(context(options))

export interface Deployed {
  readonly outputs: Outputs
  /** True when something was deployed, or the migrations that belong to it have not all run: a deployment is done only then. */
  readonly changed: boolean
  /** Notes that they have. */
  readonly migrated: () => Promise<void>
}

/** Brings the stacks of stage `local` into the emulator, unless they are there as they would be. */
export async function deploy(options: DeployOptions): Promise<Deployed> {
  const { dir, endpoint, secrets, signal, step } = options
  const before = await secrets.readNote()
  const deployed = (note: DeploymentNote): Deployed => ({
    outputs: note.outputs,
    changed: note.migrated !== true,
    migrated: () => secrets.writeNote({ ...note, migrated: true }),
  })
  if (before && isCurrent(before, options)) return deployed(before)
  const sources = sourcesHash(context(options))
  const run = { dir, endpoint, signal }
  await Promise.all([
    before?.bootstrapped ? undefined : step('cdk bootstrap', () => bootstrap(options)),
    step('cdk synth', () => cdk(['synth', '--quiet', '--output', dir.assembly, ...context(options)], { ...run, log: 'synth.log' })),
  ])
  const templates = templatesHash(dir.assembly)
  if (before?.complete && before.templates === templates) {
    const same = { ...before, sources }
    await secrets.writeNote(same)
    return deployed(same)
  }
  if (before && options.kind === 'localstack' && before.templates !== '') refuseUpdate(endpoint)
  await secrets.writeNote({ bootstrapped: true, complete: false, sources, templates, outputs: {} })
  const outputs = await step('cdk deploy', () => deployAssembly(options))
  const note = { bootstrapped: true, complete: true, sources, templates, outputs }
  await secrets.writeNote(note)
  return deployed(note)
}

const context = ({ kind, databaseSecretArn }: Pick<DeployOptions, 'kind' | 'databaseSecretArn'>): string[] =>
  Object.entries({ stage: 'local', databaseSecretArn, gatewayAuthenticates: kind === 'ministack' }).flatMap(([name, value]) => [
    '--context',
    `${name}=${value}`,
  ])

async function bootstrap({ dir, endpoint, signal }: DeployOptions): Promise<void> {
  // Outside the checkout's folder, whose cdk.json would have it run the app first.
  await cdk(['bootstrap', `aws://${account}/${region}`], { dir, endpoint, signal, cwd: dir.root, log: 'bootstrap.log' })
}

/** MiniStack's change sets know resources only: a stack to which nothing but an export is added would not be updated, and the export not be found. */
export async function deployAssembly({ dir, endpoint, kind, signal }: Assembly): Promise<Outputs> {
  const file = join(dir.root, 'outputs.json')
  rmSync(file, { force: true })
  const flags = ['--all', '--require-approval', 'never', '--outputs-file', file, '--concurrency', '2', '--progress', 'events']
  const method = kind === 'ministack' ? ['--method', 'direct'] : []
  await cdk(['deploy', '--app', dir.assembly, ...flags, ...method], { dir, endpoint, signal, log: 'deploy.log' })
  return JSON.parse(readFileSync(file, 'utf8')) as Outputs
}

function refuseUpdate(endpoint: string): never {
  throw new LocalFailure(
    `The LocalStack at ${endpoint} already holds an older deployment, and LocalStack ignores most updates of a stack.`,
    {
      advice: 'restart LocalStack (it then forgets everything) and run the same command again',
    },
  )
}
