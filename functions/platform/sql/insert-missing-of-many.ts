import type { Dataset } from '#core/dataset.ts'
import { AccountingError } from '#core/errors.ts'
import type { Connection } from '../database.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'
import { type ChunkCounts, countsOf } from './merge-many.ts'

/**
 * Inserts the staged rows of many chunks whose key is not in the table, of each key the first, in key order: a plain INSERT, as `insertMissing` has it.
 * A key that is inserted by somebody else at the same time fails it with 23505.
 * @param starts the line at which each chunk begins
 */
export async function insertMissingOfMany(db: Connection, dataset: Dataset, lane: number, starts: readonly number[]): Promise<ChunkCounts> {
  const columns = Object.keys(dataset.columns).map(identifier).join(', ')
  const key = dataset.primaryKey.map(identifier).join(', ')
  const same = dataset.primaryKey.map((k) => `target.${identifier(k)} = staged.${identifier(k)}`).join(' AND ')
  const { rows } = await db.query<{ chunk: number; inserted: number; updated: number; total: number }>(
    `WITH fresh AS MATERIALIZED (
       SELECT DISTINCT ON (${key}) ${columns}, _line FROM ${stagingTable(dataset.name, lane)} AS staged
       WHERE (SELECT true FROM ${targetTable(dataset.name)} AS target WHERE ${same}) IS NULL
       ORDER BY ${key}, _line),
     added AS (INSERT INTO ${targetTable(dataset.name)} (${columns}) SELECT ${columns} FROM fresh RETURNING 1)
     SELECT width_bucket(_line, $1::bigint[]) - 1 AS chunk, count(*)::int AS inserted, 0 AS updated, (SELECT count(*)::int FROM added) AS total
     FROM fresh GROUP BY 1`,
    [starts],
  )
  const counted = rows.reduce((sum, { inserted }) => sum + inserted, 0)
  const total = rows[0]?.total ?? 0
  if (counted !== total) throw new AccountingError(`${counted} new rows were inserted, and the table took ${total}`)
  return countsOf(starts.length, rows)
}
