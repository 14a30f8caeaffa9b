import { createWriteStream, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { to } from 'pg-copy-streams'
import type { Dataset } from '#core/dataset/dataset.ts'
import { migrateDatabase } from '#platform/postgres/migrate-database.ts'
import { databaseUrl } from '../../localstack/database.ts'
import { startPostgres, stopPostgres } from '../../localstack/postgres.ts'
import { removePostgres } from '../../localstack/postgres-home.ts'

/** Staging tables per dataset, as many as loaders. */
const stagingSlots = 2
/** PostgreSQL's own defaults, in place of what the local stage sets: fsync and synchronous_commit are on anyway. */
const defaults = { shared_buffers: '128MB', max_wal_size: '1GB', checkpoint_timeout: '5min', max_connections: '100' }

/** A Postgres of its own for one run of the bench. */
export interface Server extends AsyncDisposable {
  readonly url: string
  readonly version: string
  /** Tables as `migrate` makes them, empty; and a checkpoint, so that nobody pays for who came before. */
  fresh(dataset: Dataset): Promise<void>
  checkpoint(): Promise<void>
  query(sql: string): Promise<pg.QueryResult>
  /** Writes what a query gives as binary COPY. */
  save(query: string, path: string): Promise<void>
}

export async function startServer(folder: string): Promise<Server> {
  await mkdir(folder, { recursive: true })
  const data = join(folder, 'postgres')
  const record = await startPostgres({ data, log: join(folder, 'postgres.log'), database: 'bench', settings: defaults })
  const url = databaseUrl(record, 'bench')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('SHOW server_version')
  return {
    url,
    version: rows[0].server_version,
    async fresh(dataset) {
      await client.query(`DROP TABLE IF EXISTS public.${dataset.name}`)
      await migrateDatabase(client, { datasets: [dataset], stagingSlots, loader: undefined, today: new Date() })
    },
    checkpoint: async () => void (await client.query('CHECKPOINT')),
    query: (sql) => client.query(sql),
    save: (query, path) => pipeline(client.query(to(`COPY (${query}) TO STDOUT (FORMAT binary)`)), createWriteStream(path)),
    async [Symbol.asyncDispose]() {
      await client.end().catch(() => undefined)
      await stopPostgres(record)
      removePostgres(record.data)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
