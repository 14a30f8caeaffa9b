import { after, beforeEach } from 'node:test'
import type pg from 'pg'
import type { Dataset } from '#core/dataset/dataset.ts'
import { migrateDatabase } from '#platform/postgres/migrate-database.ts'
import { type ScratchDatabase, scratchDatabase } from './scratch-database.ts'

interface ScratchTables extends Pick<ScratchDatabase, 'connect' | 'url'> {
  readonly db: pg.Client
  /** Rows of a table. */
  readonly count: (table: string) => Promise<number>
}

/** The tables of some datasets in a database of the test file's own: empty before each test, dropped at the end. */
export async function scratchTables(datasets: readonly Dataset[], { stagingSlots = 3, today = new Date() } = {}): Promise<ScratchTables> {
  const scratch = await scratchDatabase()
  after(() => scratch[Symbol.asyncDispose]())
  const db = await scratch.connect()
  await migrateDatabase(db, { datasets, stagingSlots, loader: undefined, today })
  beforeEach(() => db.query(`TRUNCATE ${datasets.map(({ name }) => name).join(', ')}, millrace.ledger`))
  const count = async (table: string) => Number((await db.query(`SELECT count(*) FROM ${table}`)).rows[0].count)
  return { db, count, connect: scratch.connect, url: scratch.url }
}
