import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { DroppedRow } from './dropped-rows.ts'
import { identifier, targetTable } from './identifier.ts'
import { type ChunkCounts, countsOf, latestStaged } from './merge-many.ts'
import { type StagedPart, stagedOnce } from './staged-once.ts'

/**
 * Inserts the staged rows of many chunks whose key is not in the table, each key once, as `insertMissing` does.
 * A key that is inserted by somebody else at the same time fails it with 23505.
 * @param starts the line at which each chunk begins
 * @throws DroppedRow when the table took less
 */
export async function insertMissingOfMany(
  db: Connection,
  dataset: Dataset,
  slot: number,
  part: StagedPart,
  starts: readonly number[],
): Promise<ChunkCounts> {
  const table = targetTable(dataset.name)
  const columns = Object.keys(dataset.columns).map(identifier).join(', ')
  const same = dataset.primaryKey.map((k) => `target.${identifier(k)} = staged.${identifier(k)}`).join(' AND ')
  const [source, counted] =
    dataset.onConflict === 'ignore'
      ? [stagedOnce(dataset, slot, '_line', part), '_line']
      : [`(${latestStaged(dataset, slot, part)})`, '_counted']
  const { rows } = await db.query<{ chunk: number; inserted: number; updated: number; added: number }>(
    `WITH fresh AS MATERIALIZED (
       SELECT * FROM ${source} AS staged WHERE (SELECT true FROM ${table} AS target WHERE ${same}) IS NULL),
     added AS (INSERT INTO ${table} (${columns}) SELECT ${columns} FROM fresh RETURNING 1)
     SELECT width_bucket(${counted}, $3::bigint[]) - 1 AS chunk, count(*)::int AS inserted, 0 AS updated, (SELECT count(*)::int FROM added) AS added
     FROM fresh GROUP BY 1`,
    [part.from, part.to, starts],
  )
  const inserted = rows.reduce((sum, row) => sum + row.inserted, 0)
  const added = rows[0]?.added ?? 0
  if (inserted !== added) throw new DroppedRow()
  return countsOf(starts.length, rows)
}
