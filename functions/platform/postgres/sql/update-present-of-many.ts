import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, targetTable } from './identifier.ts'
import { type ChunkCounts, countsOf, latestStaged } from './merge-many.ts'
import { type StagedPart, stagedOnce } from './staged-once.ts'

/**
 * Rewrites the rows of the table whose key is staged, for many chunks, as `updatePresent` does: each counts for the chunk whose row is then in the table.
 * Measured on 10 chunks of 1,000 rows, all of them there: two thirds of the time of ON CONFLICT DO UPDATE.
 * @param starts the line at which each chunk begins
 */
export async function updatePresentOfMany(
  db: Connection,
  dataset: Dataset,
  slot: number,
  part: StagedPart,
  starts: readonly number[],
): Promise<ChunkCounts> {
  const { version } = dataset
  const same = dataset.primaryKey.map((k) => `target.${identifier(k)} = staged.${identifier(k)}`).join(' AND ')
  const changed = Object.keys(dataset.columns).filter((c) => !dataset.primaryKey.includes(c))
  const set = (changed.length > 0 ? changed : dataset.primaryKey).map((c) => `${identifier(c)} = staged.${identifier(c)}`).join(', ')
  // Without a version it is the last row whatever chunk it is in, and nobody needs the first one's line here.
  const [source, counted, newer] =
    version === undefined
      ? [stagedOnce(dataset, slot, '_line', part), '_line', '']
      : [`(${latestStaged(dataset, slot, part)})`, '_counted', ` AND target.${identifier(version)} < staged.${identifier(version)}`]
  const { rows } = await db.query(
    `WITH changed AS (
       UPDATE ${targetTable(dataset.name)} AS target SET ${set} FROM ${source} AS staged WHERE ${same}${newer} RETURNING staged.${counted} AS line)
     SELECT width_bucket(line, $3::bigint[]) - 1 AS chunk, 0 AS inserted, count(*)::int AS updated FROM changed GROUP BY 1`,
    [part.from, part.to, starts],
  )
  return countsOf(starts.length, rows)
}
