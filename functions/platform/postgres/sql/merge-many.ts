import type { Dataset } from '#core/dataset/dataset.ts'
import { AccountingError } from '#core/errors.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'
import type { Merged } from './merge-rows.ts'
import { inPart, type StagedPart } from './staged-once.ts'

/** What became of the staged rows of many chunks, chunk by chunk. */
export type ChunkCounts = readonly Merged[]

/**
 * Moves the staged rows into the dataset's table as `mergeRows` does, and counts what became of them for each chunk as if one
 * had been merged after the other. A new key counts for the chunk whose row came first; with a `version`, for the one whose row is in the table.
 * @param starts the line at which each chunk begins
 */
export async function mergeMany(
  db: Connection,
  dataset: Dataset,
  slot: number,
  part: StagedPart,
  starts: readonly number[],
): Promise<ChunkCounts> {
  const sql = dataset.onConflict === 'ignore' ? ignoreSql(dataset, slot, part) : updateSql(dataset, slot, part)
  const { rows } = await db.query(sql, [part.from, part.to, starts])
  return countsOf(starts.length, rows)
}

interface CountRow extends Merged {
  readonly chunk: number | null
}

/** @throws AccountingError when a row of the table cannot be told by its key: a trigger has changed it */
export function countsOf(chunks: number, rows: readonly CountRow[]): ChunkCounts {
  const counts = Array.from({ length: chunks }, (): Merged => ({ inserted: 0, updated: 0 }))
  for (const { chunk, inserted, updated } of rows) {
    if (chunk === null) throw new AccountingError(`${inserted + updated} rows of the table have keys that were not staged`)
    counts[chunk] = { inserted, updated }
  }
  return counts
}

/**
 * SQL for the staged rows of lines [$1, $2) that count with policy `update`, each key once, in key order; `_counted` is the line by which a new key is
 * counted. `$3` are the lines at which the chunks begin. A range of lines, for what `stagedOnce` says.
 */
export function latestStaged(dataset: Dataset, slot: number, part: StagedPart): string {
  const { columns, key } = names(dataset)
  const version = dataset.version === undefined ? undefined : identifier(dataset.version)
  // Of rows that are equally new a chunk's last one counts, but no chunk takes the place of one before it.
  const [counted, newest] = version
    ? ['_line', `${version} DESC, width_bucket(_line, $3::bigint[]), _line DESC`]
    : [`min(_line) OVER (PARTITION BY ${key})`, '_line DESC']
  return `SELECT DISTINCT ON (${key}) ${columns}, ${counted} AS _counted FROM ${stagingTable(dataset.name, slot)}
      WHERE ${inPart('_line', part)} ORDER BY ${key}, ${newest}`
}

function ignoreSql(dataset: Dataset, slot: number, part: StagedPart): string {
  const { columns, key, returned } = names(dataset)
  const staged = `FROM ${stagingTable(dataset.name, slot)} WHERE ${inPart('_line', part)}`
  return `WITH added AS (
      INSERT INTO ${targetTable(dataset.name)} AS target (${columns}) SELECT ${columns} ${staged}
      ORDER BY ${key}, _line ON CONFLICT (${key}) DO NOTHING RETURNING ${returned})
    SELECT width_bucket(_line, $3::bigint[]) - 1 AS chunk, count(*)::int AS inserted, 0 AS updated
    FROM added LEFT JOIN (SELECT DISTINCT ON (${key}) ${key}, _line ${staged} ORDER BY ${key}, _line) AS first USING (${key}) GROUP BY 1`
}

function updateSql(dataset: Dataset, slot: number, part: StagedPart): string {
  const { columns, key, returned } = names(dataset)
  const changed = Object.keys(dataset.columns).filter((c) => !dataset.primaryKey.includes(c))
  const set = (changed.length > 0 ? changed : dataset.primaryKey).map((c) => `${identifier(c)} = EXCLUDED.${identifier(c)}`).join(', ')
  const version = dataset.version === undefined ? undefined : identifier(dataset.version)
  // xmax is 0 in a row version that was inserted, and the locking transaction in one that ON CONFLICT updated
  return `WITH latest AS MATERIALIZED (${latestStaged(dataset, slot, part)}),
    merged AS (
      INSERT INTO ${targetTable(dataset.name)} AS target (${columns}) SELECT ${columns} FROM latest
      ON CONFLICT (${key}) DO UPDATE SET ${set}${version === undefined ? '' : ` WHERE target.${version} < EXCLUDED.${version}`}
      RETURNING ${returned}, (xmax = 0) AS _inserted)
    SELECT width_bucket(_counted, $3::bigint[]) - 1 AS chunk, count(*) FILTER (WHERE _inserted)::int AS inserted,
      count(*) FILTER (WHERE NOT _inserted)::int AS updated
    FROM merged LEFT JOIN latest USING (${key}) GROUP BY 1`
}

const names = (dataset: Dataset): { columns: string; key: string; returned: string } => ({
  columns: Object.keys(dataset.columns).map(identifier).join(', '),
  key: dataset.primaryKey.map(identifier).join(', '),
  returned: dataset.primaryKey.map((k) => `target.${identifier(k)}`).join(', '),
})
