import type { Dataset } from '#core/dataset.ts'
import { identifier, stagingTable } from './identifier.ts'

/**
 * What a range of staged rows is told by, and their order: within a chunk their offsets (several rows of a JSON array may stand on one line), among many
 * chunks their lines, which are counted through all of them.
 */
export type StagedPlace = '_line' | '_offset'

/**
 * SQL for the staged rows of places [$1, $2), each key once, in key order: two transactions with overlapping keys then take their locks in the same
 * order. Of rows with one key the first counts with `ignore`, the last with `update`, the newest with a `version`. Postgres has no statistics
 * of the staging table and takes a range of them for few rows: it looks their keys up in the index of a table however large, and never reads all of it.
 */
export function stagedOnce({ name, primaryKey, onConflict, version }: Dataset, lane: number, place: StagedPlace): string {
  const key = primaryKey.map(identifier).join(', ')
  const best = `${version === undefined ? '' : `${identifier(version)} DESC, `}${place}${onConflict === 'ignore' ? '' : ' DESC'}`
  return `(SELECT DISTINCT ON (${key}) * FROM ${stagingTable(name, lane)} WHERE ${place} >= $1 AND ${place} < $2 ORDER BY ${key}, ${best})`
}
