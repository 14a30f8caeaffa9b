import { join } from 'node:path'
import { databaseUrl, probe } from './database.ts'
import { emulatorLog, endFunctions, endpointOf, hasStoredState, startEmulator } from './emulator.ts'
import { detectEmulator, type EmulatorKind } from './endpoint.ts'
import { LocalFailure } from './failure.ts'
import { startPostgres } from './postgres.ts'
import { isRunning } from './processes.ts'
import { type EmulatorRecord, type PostgresRecord, type ProcessId, readRecord, updateRecord } from './record.ts'
import type { Report } from './report.ts'
import type { StateDir } from './state-dir.ts'

/** The database's name in the Postgres we start. */
const databaseName = 'millrace'

/** An emulator and a database that take requests. */
export interface Parts {
  readonly endpoint: string
  readonly databaseUrl: string
  readonly kind: EmulatorKind
  /** True when one of them was started just now. */
  readonly changed: boolean
  readonly watched: readonly Watched[]
}
export interface Watched {
  readonly name: string
  readonly process: ProcessId
  readonly log: string
}

/** Starts what does not run, at the same time, and says what it found dead. */
export async function ensureParts(dir: StateDir, report: Report, persist: boolean): Promise<Parts> {
  const log = join(dir.logs, 'postgres.log')
  const record = readRecord(dir)
  const results = await Promise.allSettled([
    ensureEmulator(dir, record.emulator, report, persist),
    ensurePostgres(dir, record.postgres, report, log),
  ])
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  const [emulator, postgres] = results.map((result) => (result.status === 'fulfilled' ? result.value : undefined)) as [
    Ensured<EmulatorRecord>,
    Ensured<PostgresRecord>,
  ]
  // Functions that are warm hold connections, and a secret, of the Postgres that was.
  if (postgres.started) endFunctions(dir, emulator.record)
  return {
    endpoint: endpointOf(emulator.record),
    databaseUrl: databaseUrl(postgres.record, databaseName),
    kind: 'ministack',
    changed: emulator.started || postgres.started,
    watched: [
      { name: 'The emulator', process: emulator.record.process!, log: emulatorLog(dir) },
      { name: 'Postgres', process: postgres.record.process!, log },
    ],
  }
}

interface Ensured<T> {
  readonly record: T
  readonly started: boolean
}

async function ensureEmulator(
  dir: StateDir,
  previous: EmulatorRecord | undefined,
  report: Report,
  persist: boolean,
): Promise<Ensured<EmulatorRecord>> {
  if (previous?.process) {
    if (isRunning(previous.process) && (await detectEmulator(endpointOf(previous))) === 'ministack')
      return { record: previous, started: false }
    const found = isRunning(previous.process) ? 'does not answer' : 'is gone'
    report.say(
      `The emulator (process ${previous.process.pid}) ${found}; starting a new one. Uploads and receipts it held are lost, the tables in Postgres are not.`,
    )
    report.say(`  What it last wrote: ${emulatorLog(dir)}`)
  }
  const restored = hasStoredState(dir)
  const record = await report.step(
    'emulator',
    async () => {
      const started = await startEmulator(dir, { previous, persist, say: report.say })
      updateRecord(dir, { emulator: started })
      return started
    },
    (started) => `emulator: MiniStack at ${endpointOf(started)}${restored && persist ? ', with what it stored' : ''}`,
  )
  return { record, started: true }
}

async function ensurePostgres(
  dir: StateDir,
  previous: PostgresRecord | undefined,
  report: Report,
  log: string,
): Promise<Ensured<PostgresRecord>> {
  if (previous?.process) {
    if (isRunning(previous.process) && (await probe(databaseUrl(previous, databaseName)))) return { record: previous, started: false }
    const found = isRunning(previous.process) ? 'does not answer' : 'is gone'
    report.say(`Postgres (process ${previous.process.pid}) ${found}; starting it again on its data. What it last wrote: ${log}`)
  }
  const record = await report.step(
    'Postgres',
    async () => {
      const started = await startPostgres({ data: dir.postgres, log, database: databaseName, previous })
      updateRecord(dir, { postgres: started })
      return started
    },
    (started) => `Postgres 18 on port ${started.port}`,
  )
  return { record, started: true }
}

/** Aborts with the reason as soon as a part ends, so that nobody waits for a dead one until some timeout. */
export function watchParts(parts: readonly Watched[]): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController()
  const timer = setInterval(() => {
    const gone = parts.find(({ process }) => !isRunning(process))
    if (gone) {
      controller.abort(
        new LocalFailure(`${gone.name} (process ${gone.process.pid}) ended while it was needed.`, {
          log: gone.log,
          advice: 'run the same command again: it starts what is missing and continues',
        }),
      )
    }
  }, 250)
  return { signal: controller.signal, end: () => clearInterval(timer) }
}
