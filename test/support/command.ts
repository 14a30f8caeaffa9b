import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../client/src/cli/main.ts', import.meta.url))
const killer = new URL('kill-at.ts', import.meta.url).href

interface Options {
  /** As in kill-at.ts. */
  readonly killAt?: string | undefined
  /** What is piped in. It may still be written when the command is gone. */
  readonly input?: string | AsyncIterable<string>
}
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly out: string
  readonly err: string
}
export interface Running {
  readonly ended: Promise<Ended>
  readonly kill: (signal: NodeJS.Signals) => void
}

/** Starts `millrace`, as a user would. */
export function startMillrace(args: readonly string[], { killAt, input }: Options = {}): Running {
  const preload = killAt === undefined ? [] : ['--import', killer]
  const child = spawn(process.execPath, [...preload, command, ...args], {
    env: { ...process.env, KILL_AT: killAt },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  // The pipe breaks when the command ends before it has read everything: that is what is tested.
  child.stdin.on('error', () => undefined)
  async function feed(): Promise<void> {
    if (typeof input === 'string') child.stdin.write(input)
    else for await (const text of input ?? []) if (!child.stdin.destroyed) child.stdin.write(text)
    child.stdin.end()
  }
  const ended = new Promise<Ended>((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, err })))
  void feed()
  return { ended, kill: (signal) => void child.kill(signal) }
}

/** Runs it to its end. */
export const millrace = (args: readonly string[], options?: Options): Promise<Ended> => startMillrace(args, options).ended
