import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, targetTable } from './identifier.ts'
import { type StagedPart, stagedOnce } from './staged-once.ts'

/**
 * Inserts those of the staged rows whose key is not in the table, each key once, in key order: a plain INSERT, without the speculative insertion
 * of ON CONFLICT. Measured against that on 150,000 rows: 3.4 times as fast when every row is there, 1.25 times when one in a hundred is.
 * A key that is inserted by somebody else at the same time fails it with 23505.
 * @returns how many rows were new
 */
export async function insertMissing(db: Connection, dataset: Dataset, slot: number, part: StagedPart): Promise<number> {
  const columns = Object.keys(dataset.columns).map(identifier).join(', ')
  const same = dataset.primaryKey.map((k) => `target.${identifier(k)} = staged.${identifier(k)}`).join(' AND ')
  // A scalar subquery is not turned into a join, whatever Postgres takes the staged rows for.
  const { rowCount } = await db.query(
    `INSERT INTO ${targetTable(dataset.name)} (${columns}) SELECT ${columns} FROM ${stagedOnce(dataset, slot, '_offset', part)} AS staged
     WHERE (SELECT true FROM ${targetTable(dataset.name)} AS target WHERE ${same}) IS NULL`,
    [part.from, part.to],
  )
  return rowCount ?? 0
}
