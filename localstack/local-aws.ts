import { rmSync } from 'node:fs'
import { connectionOf, createDatabase } from './database.ts'
import { deploy } from './deploy.ts'
import { emulatorLog, endpointOf, stopEmulator, sweep } from './emulator.ts'
import { detectEmulator, type EmulatorKind, parseEndpoint } from './endpoint.ts'
import { LocalFailure } from './failure.ts'
import { lockHolder, withLock } from './lock.ts'
import { migrate } from './migrate.ts'
import { ensureParts, type Parts, watchParts } from './parts.ts'
import { stopPostgres } from './postgres.ts'
import { removePostgres } from './postgres-home.ts'
import { signal, waitForEnd } from './processes.ts'
import { ensurePump, stopPump } from './pump-process.ts'
import { readRecord, updateRecord } from './record.ts'
import { quietReport, type Report } from './report.ts'
import { createSecrets } from './secrets.ts'
import { output, readSettings, type Settings, settingsOf, writeSettings } from './settings.ts'
import { type StateDir, stateDir } from './state-dir.ts'
import { tenantKey } from './tenant.ts'

export interface StartOptions {
  /** State dir; MILLRACE_LOCAL_DIR or `.local` when left out. */
  readonly dir?: string
  /** An emulator and a Postgres that run already: nothing is started. Both or none. */
  readonly external?: { readonly endpoint: string; readonly database: string } | undefined
  /** The database as the functions reach it, when that differs (functions in containers); or MILLRACE_FUNCTION_DATABASE. */
  readonly functionDatabase?: string | undefined
  /** Begin with nothing: what an earlier run stored is deleted. */
  readonly fresh?: boolean
  /** Keep what the emulator stores when it is stopped. Default true; a test run does not need it. */
  readonly persist?: boolean
  readonly report?: Report
}

export interface LocalAws {
  readonly settings: Settings
  readonly dir: StateDir
  readonly kind: EmulatorKind
  /** True when everything ran already and nothing had to be done. */
  readonly unchanged: boolean
  /** Ends what was started. Processes outlive ours until this is called, here or by `npm run local:stop`. */
  stop(): Promise<void>
}

/**
 * Starts the local AWS and deploys to it, or finds that it runs; then answers what is needed to use it.
 *
 *     const local = await startLocal({ dir, report: lineReport() })
 *     try { … local.settings.MILLRACE_URL … } finally { await local.stop() }
 *
 * Emulator and Postgres are processes of their own and outlive this one: to end them on Ctrl-C too, handle SIGINT and SIGTERM and call
 * `stopLocal(dir)`, which also ends a start that is under way in this process.
 * @throws LocalFailure that names the part, its log and what to do.
 */
export async function startLocal(options: StartOptions = {}): Promise<LocalAws> {
  const dir = stateDir(options.dir)
  const report = options.report ?? quietReport
  if (options.fresh) await forgetLocal(dir.root)
  return await withLock(
    dir.lock,
    () => start(dir, report, options),
    (pid) => report.say(`Another start (process ${pid}) is under way here: waiting for it`),
  )
}

async function start(dir: StateDir, report: Report, options: StartOptions): Promise<LocalAws> {
  const parts = options.external ? await useParts(dir, options.external) : await ensureParts(dir, report, options.persist ?? true)
  const watch = watchParts(parts.watched)
  try {
    return await bringUp(dir, report, options, parts, watch.signal)
  } finally {
    watch.end()
  }
}

async function bringUp(dir: StateDir, report: Report, options: StartOptions, parts: Parts, signal: AbortSignal): Promise<LocalAws> {
  const { endpoint, databaseUrl, kind } = parts
  const secrets = createSecrets(endpoint)
  const databaseSecretArn = await secrets.storeConnection(connectionOf(databaseOfFunctions(options) ?? databaseUrl))
  const deployed = await deploy({ dir, endpoint, kind, secrets, databaseSecretArn, signal, step: report.step })
  const earlier = readSettings(dir.env)
  const nothingNew = !deployed.changed && !parts.changed
  const local = (settings: Settings, unchanged: boolean): LocalAws => ({
    settings,
    dir,
    kind,
    unchanged,
    stop: async () => void (await stopLocal(dir.root)),
  })
  if (nothingNew && earlier.MILLRACE_API_KEY) {
    const same = settingsOf({ endpoint, databaseUrl, apiKey: earlier.MILLRACE_API_KEY, outputs: deployed.outputs })
    if (JSON.stringify(same) === JSON.stringify(earlier)) return local(same, !(await ensurePump(dir, endpoint, report)))
  }
  await report.step(
    'migrations',
    () => migrate(endpoint, output(deployed.outputs, 'ingest', 'MigrateFunctionName'), options.external ? undefined : emulatorLog(dir)),
    (applied) => `migrations: ${applied.length || 'nothing'} to apply`,
  )
  await deployed.migrated()
  const table = output(deployed.outputs, 'storage', 'TableName')
  const apiKey = await report.step('key of tenant demo', () => tenantKey(endpoint, table, earlier.MILLRACE_API_KEY))
  const settings = settingsOf({ endpoint, databaseUrl, apiKey, outputs: deployed.outputs })
  writeSettings(dir.env, settings)
  await ensurePump(dir, endpoint, report)
  return local(settings, false)
}

const databaseOfFunctions = ({ external, functionDatabase }: StartOptions): string | undefined =>
  functionDatabase ?? (external ? process.env.MILLRACE_FUNCTION_DATABASE : undefined)

async function useParts(dir: StateDir, external: { endpoint: string; database: string }): Promise<Parts> {
  const record = readRecord(dir)
  if (record.emulator?.process || record.postgres?.process) {
    throw new LocalFailure(`${dir.root} belongs to a local AWS that was started here.`, {
      advice: 'stop it first (`npm run local:stop`), or take another folder (`--dir`)',
    })
  }
  const endpoint = parseEndpoint(external.endpoint)
  const kind = await detectEmulator(endpoint)
  if (!kind) throw new LocalFailure(`Neither LocalStack nor MiniStack answers at ${endpoint}.`, { advice: 'start it, and check the port' })
  await createDatabase(external.database)
  return { endpoint, databaseUrl: external.database, kind, changed: false, watched: [] }
}

/** Ends everything that was started for a state dir, whoever started it, and answers what it ended. Nothing to end is no error. */
export async function stopLocal(root?: string): Promise<readonly string[]> {
  const dir = stateDir(root)
  const starter = lockHolder(dir.lock)
  const ended: string[] = []
  if (starter && starter.pid !== process.pid) {
    signal(starter.pid, 'SIGTERM')
    if (!(await waitForEnd(starter, 5_000))) signal(starter.pid, 'SIGKILL')
    ended.push(`a start that was under way (process ${starter.pid})`)
  }
  if (await stopPump(dir)) ended.push('the event-source pump')
  const { emulator, postgres } = readRecord(dir)
  if (emulator) {
    if (emulator.process) ended.push(`the emulator at ${endpointOf(emulator)}`)
    await stopEmulator(dir, emulator)
    const { process: _, ...kept } = emulator
    updateRecord(dir, { emulator: kept })
  }
  await sweep(dir, undefined)
  if (postgres) {
    if (postgres.process) ended.push(`Postgres on port ${postgres.port}`)
    await stopPostgres(postgres)
    const { process: _, ...kept } = postgres
    updateRecord(dir, { postgres: kept })
  }
  return ended
}

/** Stops it and deletes all it stored. Logs are kept: they may tell why somebody wanted this. */
export async function forgetLocal(root?: string): Promise<void> {
  const dir = stateDir(root)
  const { postgres } = readRecord(dir)
  await stopLocal(root)
  const stored = [dir.env, dir.record, dir.emulator, dir.postgres, dir.temporary, dir.assembly, dir.checkpoints]
  if (postgres) removePostgres(postgres.data)
  for (const path of stored) rmSync(path, { recursive: true, force: true })
}
