import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { log } from '#platform/log.ts'
import { connector, readSecret } from '#platform/postgres/database.ts'
import { migrateDatabase } from '#platform/postgres/migrate-database.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)

/** Runs at every deploy, and fails it when it fails; and once a day. */
export async function handler(): Promise<{ applied: string[] }> {
  const loader = await readSecret<{ username: string; password: string }>(env.LOADER_SECRET_ARN)
  const db = await connector(env.DATABASE_SECRET_ARN)()
  try {
    const applied = await migrateDatabase(db, {
      datasets: [...datasets.values()],
      stagingSlots: env.STAGING_SLOTS,
      loader: loader.username === db.user ? undefined : loader,
      today: new Date(),
    })
    log.info('database migrated', { applied })
    return { applied }
  } finally {
    await db.end()
  }
}
