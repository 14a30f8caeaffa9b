import type { Dataset } from '#core/dataset/dataset.ts'
import { compareSchema, type SchemaChange } from '#core/dataset/schema-change.ts'
import { ConfigurationError } from '#core/errors.ts'
import type { Connection } from './database.ts'
import { migrations } from './migrations/list.ts'
import { changeSql, createPartitionSql, createStagingSql } from './sql/define-table.ts'
import { describeTable } from './sql/describe-table.ts'
import { grantLoaderSql } from './sql/grant-loader.ts'
import { stagingTable } from './sql/identifier.ts'
import { stagingShape } from './take-staging.ts'

export interface MigrateOptions {
  readonly datasets: readonly Dataset[]
  /** Staging tables per dataset. */
  readonly stagingSlots: number
  /** The role that loads; undefined when the owner itself does. */
  readonly loader: { readonly username: string; readonly password: string } | undefined
  /** Days of partitions are counted from here. */
  readonly today: Date
}

/** Any number that nobody else's advisory lock has: two deploys at once take their turn. */
const lockKey = 0x6d696c6c
/** Days the ledger refuses a chunk that it has seen. */
const ledgerDays = 30

/**
 * Brings the database to what the datasets declare, in one transaction: it all happens, or nothing does.
 * Run at every deploy and once a day (tomorrow's partitions, yesterday's ledger).
 * @returns what was done, a line each
 * @throws ConfigurationError with every incompatible change of every dataset, before anything is touched
 */
export async function migrateDatabase(db: Connection, options: MigrateOptions): Promise<string[]> {
  await db.query('BEGIN')
  try {
    await db.query('SELECT pg_advisory_xact_lock($1)', [lockKey])
    const planned = await planChanges(db, options.datasets)
    const applied = [...(await applyOwn(db)), ...(await applyChanges(db, planned)), ...(await stage(db, options))]
    applied.push(...(await partition(db, options)))
    if (options.loader) {
      const { username, password } = options.loader
      for (const sql of grantLoaderSql(username, password, options.datasets, options.stagingSlots)) await db.query(sql)
    }
    await db.query(`DELETE FROM millrace.ledger WHERE committed_at < now() - make_interval(days => $1)`, [ledgerDays])
    await db.query('COMMIT')
    return applied
  } catch (error) {
    await db.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

type Planned = { readonly dataset: Dataset; readonly change: SchemaChange }

async function planChanges(db: Connection, datasets: readonly Dataset[]): Promise<Planned[]> {
  const planned: Planned[] = []
  const conflicts: string[] = []
  for (const dataset of datasets) {
    const comparison = compareSchema(dataset, await describeTable(db, 'public', dataset.name))
    planned.push(...comparison.changes.map((change) => ({ dataset, change })))
    conflicts.push(...comparison.conflicts.map((c) => `dataset "${dataset.name}": ${c}`))
  }
  if (conflicts.length > 0)
    throw new ConfigurationError(`The database was not touched. Only additive changes are made:\n${conflicts.join('\n')}`)
  return planned
}

async function applyOwn(db: Connection): Promise<string[]> {
  await db.query('CREATE SCHEMA IF NOT EXISTS millrace')
  await db.query('CREATE TABLE IF NOT EXISTS millrace.migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())')
  const { rows } = await db.query('SELECT name FROM millrace.migration')
  const done = new Set(rows.map((r) => r.name as string))
  const open = migrations.filter((m) => !done.has(m.name))
  for (const { name, sql } of open) {
    await db.query(sql)
    await db.query('INSERT INTO millrace.migration (name) VALUES ($1)', [name])
  }
  return open.map((m) => m.name)
}

async function applyChanges(db: Connection, planned: readonly Planned[]): Promise<string[]> {
  for (const { dataset, change } of planned) await db.query(changeSql(dataset, change))
  return planned.map(({ dataset, change }) => `${dataset.name}: ${change.kind}${'column' in change ? ` ${change.column}` : ''}`)
}

/** Staging tables hold nothing between transactions: one that does not fit any more is made anew. */
async function stage(db: Connection, { datasets, stagingSlots }: MigrateOptions): Promise<string[]> {
  const made: string[] = []
  for (const dataset of datasets) {
    const wanted = stagingShape(dataset)
    for (let slot = 0; slot < stagingSlots; slot++) {
      const existing = await describeTable(db, 'millrace', `staging_${dataset.name}_${slot}`)
      if (existing?.columns.map((c) => `${c.name} ${c.type}`).join() === wanted) continue
      await db.query(`DROP TABLE IF EXISTS ${stagingTable(dataset.name, slot)}`)
      await db.query(createStagingSql(dataset, slot))
      await db.query('INSERT INTO millrace.staging_slot (dataset, slot) VALUES ($1, $2) ON CONFLICT DO NOTHING', [dataset.name, slot])
      made.push(`${dataset.name}: staging ${slot}`)
    }
    await db.query('DELETE FROM millrace.staging_slot WHERE dataset = $1 AND slot >= $2', [dataset.name, stagingSlots])
  }
  return made
}

/** Only what is missing is made, one day beyond the window: a load that began before midnight may end after it. */
async function partition(db: Connection, { datasets, today }: MigrateOptions): Promise<string[]> {
  const made: string[] = []
  const midnight = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate())
  for (const dataset of datasets) {
    if (!dataset.partitionBy) continue
    const { past, ahead } = dataset.partitionBy
    for (let day = -past; day <= ahead + 1; day++) {
      const date = new Date(midnight + day * 86_400_000)
      const name = `${dataset.name}_${date.toISOString().slice(0, 10).replaceAll('-', '')}`
      const { rowCount } = await db.query('SELECT FROM pg_class WHERE relname = $1 AND relnamespace = $2::regnamespace', [name, 'public'])
      if (rowCount) continue
      await db.query(createPartitionSql(dataset, date))
      made.push(`${dataset.name}: partition ${name}`)
    }
  }
  return made
}
