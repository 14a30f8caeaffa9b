import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { repository } from '../../localstack/state-dir.ts'

/** Runs a command in the checkout, its output on ours, and answers its exit code. It ends, with all it started, when the signal says so. */
export async function runChild(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted()
  const [file, ...args] = command
  const inherited: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: [join(repository, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter),
    ...env,
  }
  delete inherited.NODE_TEST_CONTEXT // set when this runs under node --test itself: the child would report to nobody
  // A group of its own, so that whatever a test started can be ended with it.
  const child = spawn(file, args, { cwd: repository, env: inherited, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  const end = (name: NodeJS.Signals) => {
    try {
      if (child.pid) process.kill(-child.pid, name)
    } catch {
      // gone already
    }
  }
  const abort = () => {
    end('SIGTERM')
    setTimeout(() => end('SIGKILL'), 3_000).unref()
  }
  const kill = () => end('SIGKILL')
  signal.addEventListener('abort', abort)
  process.on('exit', kill)
  try {
    const code = await new Promise<number>((done, failed) => {
      child.once('error', failed)
      child.once('close', (status) => done(status ?? 1))
    })
    signal.throwIfAborted()
    return code
  } finally {
    kill() // what a test file left running in the background
    signal.removeEventListener('abort', abort)
    process.off('exit', kill)
  }
}
