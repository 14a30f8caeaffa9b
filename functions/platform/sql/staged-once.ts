import type { Dataset } from '#core/dataset.ts'
import { identifier, stagingTable } from './identifier.ts'

/**
 * SQL for the staged rows of lines [$1, $2), each key once, in key order: two transactions with overlapping keys then take their locks in the same
 * order. Of rows with one key the first counts with `ignore`, the last with `update`, the newest with a `version`. Postgres has no statistics
 * of the staging table and takes a range of lines for few rows: it looks their keys up in the index of a table however large, and never reads all of it.
 */
export function stagedOnce({ name, primaryKey, onConflict, version }: Dataset, lane: number): string {
  const key = primaryKey.map(identifier).join(', ')
  const best = `${version === undefined ? '' : `${identifier(version)} DESC, `}_line${onConflict === 'ignore' ? '' : ' DESC'}`
  return `(SELECT DISTINCT ON (${key}) * FROM ${stagingTable(name, lane)} WHERE _line >= $1 AND _line < $2 ORDER BY ${key}, ${best})`
}
