import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { databaseUrl } from '../../localstack/database.ts'
import { forgetLocal, startLocal, stopLocal } from '../../localstack/local-aws.ts'
import { lockHolder, withLock } from '../../localstack/lock.ts'
import { startPostgres, stopPostgres } from '../../localstack/postgres.ts'
import { removePostgres } from '../../localstack/postgres-home.ts'
import { lineReport } from '../../localstack/report.ts'
import type { Settings } from '../../localstack/settings.ts'
import { repository } from '../../localstack/state-dir.ts'

const parent = join(repository, '.local-test')
const owner = (folder: string): string => `${folder}.owner`

export interface Surroundings {
  /** Folder of this run; its logs stay when something failed. */
  readonly folder: string
  /** Runs with a Postgres that exists only meanwhile. */
  withPostgres<T>(run: (url: string) => Promise<T>): Promise<T>
  /** Runs with a local AWS of its own, or deployed to one that runs already. */
  withLocal<T>(external: { endpoint: string; database: string } | undefined, run: (settings: Settings) => Promise<T>): Promise<T>
}

/** A folder for one test run, so that two of them, and the local AWS somebody works with, stay apart. */
export async function withSurroundings<T>(signal: AbortSignal, run: (surroundings: Surroundings) => Promise<T>): Promise<T> {
  mkdirSync(parent, { recursive: true })
  await removeAbandoned()
  const folder = mkdtempSync(join(parent, 'run-'))
  return await withLock(owner(folder), () => run({ folder, withPostgres: withPostgres(folder), withLocal: withLocal(folder, signal) }))
}

/** What a run left that was killed before it could clean up. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name)
    if (name.endsWith('.owner') || lockHolder(owner(folder))) continue
    await forgetLocal(join(folder, 'local'))
    for (const path of [folder, owner(folder)]) rmSync(path, { recursive: true, force: true })
  }
}

const withPostgres =
  (folder: string): Surroundings['withPostgres'] =>
  async (run) => {
    const data = join(folder, 'postgres')
    // Nothing here outlives the run, so nothing needs to reach the disk.
    const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
    const postgres = await startPostgres({ data, log: join(folder, 'postgres.log'), database: 'millrace', settings })
    try {
      return await run(databaseUrl(postgres, 'millrace'))
    } finally {
      await stopPostgres(postgres)
      removePostgres(postgres.data)
    }
  }

const withLocal =
  (folder: string, signal: AbortSignal): Surroundings['withLocal'] =>
  async (external, run) => {
    const dir = join(folder, 'local')
    // A start that is under way gives up as soon as its parts are gone.
    const interrupt = () => void stopLocal(dir).catch(() => {})
    signal.addEventListener('abort', interrupt)
    try {
      const local = await startLocal({ dir, external, persist: false, report: lineReport() })
      return await run(local.settings)
    } finally {
      signal.removeEventListener('abort', interrupt)
      await forgetLocal(dir)
    }
  }
