import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase, databaseUrl, probe } from './database.ts'
import { indent, LocalFailure } from './failure.ts'
import { freePort } from './ports.ts'
import { type PostgresHome, postgresHome, prepareData } from './postgres-home.ts'
import { identify, isRunning, type Started, signal, startDetached, waitForEnd, workingIn } from './processes.ts'
import type { PostgresRecord } from './record.ts'

/** Enough for 24 functions, their retries and a test run's own pools; the rest bounds disk and memory on a small machine. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  logging_collector: 'off',
  timezone: 'UTC',
}

export interface PostgresOptions {
  /** Folder for the data; made when missing. */
  readonly data: string
  readonly log: string
  readonly database: string
  readonly previous?: PostgresRecord | undefined
  /** More settings, such as `fsync: 'off'` for a database that lives as long as a test run. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Starts Postgres on the data an earlier run left, or on new data, and answers when it takes connections. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresRecord> {
  const home = await postgresHome(options.data)
  await endForgotten(home)
  const kept = existsSync(join(home.data, 'PG_VERSION')) ? options.previous?.password : undefined
  const password = kept ?? randomBytes(16).toString('hex')
  if (!kept) initialise(home, password, options.log)
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(options.previous?.port)
    const started = await launch(home, port, options)
    const record = { process: started.id, port, password, data: home.data }
    const refusal = await whenReady(started, databaseUrl(record, 'postgres'))
    if (refusal === undefined) {
      await createDatabase(databaseUrl(record, options.database))
      return record
    }
    // Backends of a postmaster that was killed hold its shared memory until they notice; the port may have been taken meanwhile.
    await stopPostgres(record)
    if (attempt === 3) throw new LocalFailure(`Postgres did not start: ${refusal}\n${tail(options.log)}`, advice(options))
    await sleep(500)
  }
}

const advice = (options: PostgresOptions) => ({
  log: options.log,
  advice: 'read the log; if the data is damaged, start over with `npm run local -- --fresh` (what was loaded is then gone)',
})

/** SIGINT is Postgres' fast shutdown: it rolls open transactions back and writes a checkpoint. */
export async function stopPostgres(record: PostgresRecord): Promise<void> {
  if (isRunning(record.process)) {
    signal(record.process.pid, 'SIGINT')
    if (!(await waitForEnd(record.process, 10_000))) signal(record.process.pid, 'SIGQUIT')
    if (!(await waitForEnd(record.process, 3_000))) signal(record.process.pid, 'SIGKILL')
  }
  for (const pid of workingIn(record.data)) signal(pid, 'SIGKILL')
}

/** Ends what an earlier run left on this data without a record of it: a postmaster, or backends that outlived theirs. */
async function endForgotten(home: PostgresHome): Promise<void> {
  const note = join(home.data, 'postmaster.pid')
  const remains = workingIn(home.data)
  const pid = existsSync(note) ? Number(readFileSync(note, 'utf8').split('\n')[0]) : 0
  if (remains.includes(pid)) {
    const postmaster = identify(pid)
    signal(pid, 'SIGINT')
    if (postmaster) await waitForEnd(postmaster, 5_000)
  }
  for (const left of workingIn(home.data)) signal(left, 'SIGKILL')
  for (let i = 0; i < 40 && workingIn(home.data).length > 0; i++) await sleep(50)
  // Only Linux can tell whether the pid in the note is Postgres or was given to another process; elsewhere Postgres decides.
  if (process.platform === 'linux') rmSync(note, { force: true })
}

function initialise(home: PostgresHome, password: string, log: string): void {
  prepareData(home)
  // initdb reads the password from a file, which cannot be in the data folder: that must be empty.
  const file = `${home.data}.password`
  writeFileSync(file, `${password}\n`, { mode: 0o600 })
  if (home.user) chownSync(file, home.user.uid, home.user.gid)
  const flags = [
    '--auth=scram-sha-256',
    '--username=postgres',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ]
  const done = spawnSync(join(home.bin, 'initdb'), [`--pgdata=${home.data}`, `--pwfile=${file}`, ...flags], {
    ...home.user,
    cwd: '/',
    env: environment(),
    encoding: 'utf8',
  })
  rmSync(file, { force: true })
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`
  writeFileSync(log, output, { flag: 'a' })
  if (done.status !== 0) throw new LocalFailure(`Postgres' data folder ${home.data} could not be made:\n${indent(output)}`, { log })
}

function launch(home: PostgresHome, port: number, options: PostgresOptions): Promise<Started> {
  const flags = Object.entries({ ...settings, ...options.settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return startDetached(join(home.bin, 'postgres'), ['-D', home.data, '-p', String(port), ...flags], {
    ...home.user,
    cwd: '/',
    env: environment(),
    log: options.log,
  })
}

/** Nothing of the caller's: a PGDATA or PGPORT in the shell would be obeyed. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' })

/** Why it will not take connections, or undefined once it does. Recovery after a crash may take a while. */
async function whenReady(started: Started, url: string): Promise<string | undefined> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(50)) {
    const reason = started.ended()
    if (reason) return reason
    if (await probe(url)) return undefined
  }
  return 'it took no connections within 60 seconds'
}

function tail(log: string): string {
  return existsSync(log) ? indent(readFileSync(log, 'utf8'), 8) : ''
}
