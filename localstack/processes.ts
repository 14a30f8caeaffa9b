import { execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessId } from './record.ts'

const onLinux = process.platform === 'linux'

/** When a process started, or undefined when there is no such process (a zombie is none). */
function startOf(pid: number): string | undefined {
  try {
    if (!onLinux) return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
    // proc_pid_stat(5): the name in brackets may hold anything; after it come the state (field 3) and, 19 on, the start (field 22)
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

export function identify(pid: number): ProcessId | undefined {
  const started = startOf(pid)
  return started === undefined ? undefined : { pid, started }
}

export const isRunning = (id: ProcessId | undefined): id is ProcessId => id !== undefined && startOf(id.pid) === id.started

export interface Started {
  readonly id: ProcessId
  /** Why it ended, once it has. */
  ended(): string | undefined
}

/** Starts a process that outlives this one, in a group of its own, writing to a log. */
export async function startDetached(
  command: string,
  args: readonly string[],
  options: Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'> & { readonly log: string },
): Promise<Started> {
  const { log, ...rest } = options
  const output = openSync(log, 'a')
  const child = spawn(command, args, { ...rest, detached: true, stdio: ['ignore', output, output] })
  let end: string | undefined
  child.on('exit', (code, signal) => {
    end = signal ? `it was ended by ${signal}` : `it exited with code ${code}`
  })
  await new Promise<void>((done, failed) => {
    child.once('spawn', done)
    child.once('error', failed)
  })
  child.unref()
  const id = identify(child.pid!)
  // A process that is gone already has no start time: the caller's wait sees why it ended.
  return { id: id ?? { pid: child.pid!, started: 'gone' }, ended: () => end }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // gone already, which is what was wanted
  }
}

/** True when the process ended within the time. */
export async function waitForEnd(id: ProcessId, milliseconds: number): Promise<boolean> {
  for (const end = Date.now() + milliseconds; isRunning(id); await sleep(25)) if (Date.now() > end) return false
  return true
}

/** Processes whose environment has NAME=value: how the emulator's functions are told from any other `node`. */
export function withEnvironment(name: string, value: string): number[] {
  const wanted = `${name}=${value}`
  return everyPid().filter((pid) =>
    tryRead(() => readFileSync(`/proc/${pid}/environ`, 'utf8'))
      ?.split('\0')
      .includes(wanted),
  )
}

/** In the environment of every program started for a state dir, and so of all that those start: how leftovers are found. */
export const marker = 'MILLRACE_STARTED_FOR'

/** Processes that work in a folder: Postgres' backends hide their environment, and all of them work in the data folder. */
export function workingIn(folder: string): number[] {
  return everyPid().filter((pid) => tryRead(() => readlinkSync(`/proc/${pid}/cwd`)) === folder)
}

/** Members of a process group, for systems without /proc. */
export function groupMembers(group: number): number[] {
  const lines =
    tryRead(() => execFileSync('ps', ['-A', '-o', 'pid=,pgid='], { encoding: 'utf8' }))
      ?.trim()
      .split('\n') ?? []
  return lines.map((line) => line.trim().split(/\s+/).map(Number)).flatMap(([pid, pgid]) => (pgid === group && pid ? [pid] : []))
}

const everyPid = (): number[] =>
  onLinux
    ? readdirSync('/proc')
        .map(Number)
        .filter((pid) => pid > 0 && pid !== process.pid)
    : []

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined // ended between the listing and the look, or belongs to somebody else
  }
}
