import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { detectEmulator } from './endpoint.ts'
import { indent, LocalFailure } from './failure.ts'
import { freePort } from './ports.ts'
import { groupMembers, isRunning, marker, type Started, signal, startDetached, waitForEnd, withEnvironment } from './processes.ts'
import { emulatorPython, packages } from './python.ts'
import type { EmulatorRecord } from './record.ts'
import { repository, type StateDir, toolsDir } from './state-dir.ts'

const firstPort = 4577

export interface EmulatorOptions {
  readonly previous?: EmulatorRecord | undefined
  /** Keep what is stored when it is stopped in order, for a start in seconds. */
  readonly persist: boolean
  readonly say: (line: string) => void
}

/** Starts MiniStack and answers when it is healthy. */
export async function startEmulator(dir: StateDir, options: EmulatorOptions): Promise<EmulatorRecord> {
  const log = emulatorLog(dir)
  const python = await emulatorPython(toolsDir, join(dir.logs, 'pip.log'), options.say)
  await sweep(dir, options.previous)
  rmSync(dir.temporary, { recursive: true, force: true })
  mkdirSync(dir.temporary, { recursive: true })
  // Functions are unpacked below this folder. On AWS no package.json is above them; here the checkout's says "type": "module".
  writeFileSync(join(dir.temporary, 'package.json'), '{}\n')
  const wanted = options.previous?.port
  const port = await freePort(wanted ?? firstPort)
  discardUnless(dir, options.persist && port === wanted)
  const environment = emulatorEnvironment(dir, port, options.persist)
  const started = await startDetached(python, [join(import.meta.dirname, 'launcher.py')], { cwd: dir.root, env: environment, log })
  await whenHealthy(started, endpointOf({ port }), log)
  return { process: started.id, port, persist: options.persist }
}

export const endpointOf = ({ port }: { port: number }): string => `http://127.0.0.1:${port}`
export const emulatorLog = (dir: StateDir): string => join(dir.logs, 'emulator.log')

/** A clean one: all of it reaches every function, so nothing of the caller's shell may be in it. */
function emulatorEnvironment(dir: StateDir, port: number, persist: boolean): NodeJS.ProcessEnv {
  return {
    PATH: [join(repository, 'node_modules', '.bin'), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter), // functions run the first `node` on it
    NODE_PATH: join(repository, 'node_modules'),
    HOME: dir.temporary,
    TMPDIR: dir.temporary,
    LANG: 'C.UTF-8',
    [marker]: dir.root,
    GATEWAY_PORT: String(port),
    BIND_HOST: '127.0.0.1',
    LOG_LEVEL: 'WARNING',
    LAMBDA_EXECUTOR: 'local',
    LAMBDA_ACCOUNT_CONCURRENCY: '24', // a function's process is 68 MB, and nothing else bounds their number
    LAMBDA_WARM_TTL_SECONDS: '30',
    IOT_MTLS_ENABLED: '0', // a fixed port (8883) that we have no use for
    PYTHONUNBUFFERED: '1',
    ...(persist && { PERSIST_STATE: '1', STATE_DIR: join(dir.emulator, 'state'), S3_PERSIST: '1', S3_DATA_DIR: join(dir.emulator, 's3') }),
  }
}

async function whenHealthy(started: Started, endpoint: string, log: string): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(50)) {
    const reason = started.ended()
    const late = Date.now() > end ? 'it was not healthy within 30 seconds' : undefined
    if (reason ?? late)
      throw new LocalFailure(
        `The emulator did not start: ${reason ?? late}\n${indent(existsSync(log) ? readFileSync(log, 'utf8') : '', 8)}`,
        {
          log,
          advice: 'read the log; `npm run local -- --fresh` starts over without what an earlier run stored',
        },
      )
    if ((await detectEmulator(endpoint)) === 'ministack') return
  }
}

/** State that was not written by an orderly stop of this version is of unknown age: better none than an old one. */
function discardUnless(dir: StateDir, wanted: boolean): void {
  const note = cleanStop(dir)
  const usable = wanted && existsSync(note) && readFileSync(note, 'utf8') === packages.join(' ')
  rmSync(note, { force: true })
  if (!usable) rmSync(dir.emulator, { recursive: true, force: true })
  mkdirSync(dir.emulator, { recursive: true })
}
const cleanStop = (dir: StateDir): string => join(dir.emulator, 'stopped-in-order')

export const hasStoredState = (dir: StateDir): boolean => existsSync(cleanStop(dir))

/** Stops it and every function it runs. One that persists writes what it stores first: it does so only when it is stopped. */
export async function stopEmulator(dir: StateDir, record: EmulatorRecord): Promise<void> {
  const keep = record.persist
  if (isRunning(record.process)) {
    // The reset ends the functions and wipes what is stored. When that is to be kept they are ended from here: an
    // emulator that is asked to stop waits for what they are doing.
    if (keep) endFunctions(dir, record)
    else await fetch(`${endpointOf(record)}/_ministack/reset`, { method: 'POST', signal: AbortSignal.timeout(5_000) }).catch(() => {})
    signal(record.process.pid, 'SIGTERM')
    const ended = await waitForEnd(record.process, keep ? 20_000 : 3_000)
    if (ended && keep && existsSync(join(dir.emulator, 'state'))) writeFileSync(cleanStop(dir), packages.join(' '))
  }
  await sweep(dir, record)
}

/** Ends the functions that are warm; the next call starts new ones. */
export function endFunctions(dir: StateDir, record: EmulatorRecord): void {
  for (const pid of remains(dir, record)) if (pid !== record.process?.pid) signal(pid, 'SIGKILL')
}

/** Every process started for this state dir but Postgres: the emulator, its functions (also those that outlived it), a cdk cut off. */
function remains(dir: StateDir, record: EmulatorRecord | undefined): number[] {
  if (process.platform === 'linux') return withEnvironment(marker, dir.root)
  return record?.process ? groupMembers(record.process.pid) : []
}

/** Ends all of them. */
export async function sweep(dir: StateDir, record: EmulatorRecord | undefined): Promise<void> {
  for (let i = 0; i < 40; i++) {
    const left = remains(dir, record)
    if (left.length === 0) return
    for (const pid of left) signal(pid, 'SIGKILL')
    await sleep(50)
  }
}
