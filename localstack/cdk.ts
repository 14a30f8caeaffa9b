import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { awsEnvironment, region } from './aws.ts'
import { indent, LocalFailure } from './failure.ts'
import { marker } from './processes.ts'
import { repository, type StateDir } from './state-dir.ts'

export interface CdkOptions {
  readonly dir: StateDir
  readonly endpoint: string
  /** File name within the logs. */
  readonly log: string
  readonly cwd?: string
  /** Ends the command. The reason given becomes the failure. */
  readonly signal: AbortSignal
}

/** Runs the ordinary `cdk` against the emulator. Its output goes to the log. */
export async function cdk(args: readonly string[], options: CdkOptions): Promise<void> {
  const { dir, signal } = options
  signal.throwIfAborted()
  const log = join(dir.logs, options.log)
  const output = openSync(log, 'a')
  const from = statSync(log).size
  const command = [fileURLToPath(import.meta.resolve('aws-cdk/bin/cdk')), ...args, '--no-notices', '--ci', '--no-color']
  // A group of its own, so that the app it runs ends with it.
  const child = spawn(process.execPath, command, {
    cwd: options.cwd ?? repository,
    env: environment(dir, options.endpoint),
    stdio: ['ignore', output, output],
    detached: true,
  })
  const end = () => {
    if (child.pid) endGroup(child.pid)
  }
  signal.addEventListener('abort', end)
  process.on('exit', end)
  try {
    const code = await new Promise((done, failed) => {
      child.once('error', failed)
      child.once('close', done)
    })
    signal.throwIfAborted()
    if (code !== 0) {
      const text = readFileSync(log).subarray(from).toString()
      throw new LocalFailure(`\`cdk ${args[0]}\` failed:\n${indent(text, 20)}`, {
        log,
        advice:
          'mend what it says and run the same command again; or begin anew with `npm run local -- --fresh`, which deletes all that was loaded here',
      })
    }
  } finally {
    closeSync(output)
    signal.removeEventListener('abort', end)
    process.off('exit', end)
  }
}

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // gone already
  }
}

/** The caller's environment without any AWS or CDK setting: a profile or token in the shell must never reach this. */
function environment(dir: StateDir, endpoint: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AWS_|CDK_|NODE_TEST_CONTEXT|NODE_OPTIONS|FORCE_COLOR)/.test(name))
  return {
    ...Object.fromEntries(kept),
    ...awsEnvironment(endpoint),
    PATH: [join(repository, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter),
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_DEFAULT_REGION: region,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    CDK_DEFAULT_REGION: region,
    [marker]: dir.root,
  }
}
