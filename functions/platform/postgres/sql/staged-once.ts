import type { Dataset } from '#core/dataset/dataset.ts'
import { identifier, stagingTable } from './identifier.ts'

/**
 * What a range of staged rows is told by, and their order: within a chunk their offsets (several rows of a JSON array may stand on one line), among many
 * chunks their lines, which are counted through all of them.
 */
export type StagedPlace = '_line' | '_offset'

/** Staged rows of places [from, to). */
export interface StagedPart {
  readonly from: number
  readonly to: number
  /** The pages of the table that have them, [first, end), where that is known: the table has no index. */
  readonly pages?: readonly [first: number, end: number] | undefined
}

/** SQL that is true for the staged rows of a part, of which $1 and $2 are the places. */
export const inPart = (place: StagedPlace, { pages }: StagedPart): string =>
  `${place} >= $1 AND ${place} < $2${pages ? ` AND ctid >= '(${pages[0]},0)' AND ctid < '(${pages[1]},0)'` : ''}`

/**
 * SQL for the staged rows of places [$1, $2), each key once, in key order: two transactions with overlapping keys then take their locks in the same
 * order. Of rows with one key the first counts with `ignore`, the last with `update`, the newest with a `version`. Postgres has no statistics
 * of the staging table and takes a range of them for few rows: it looks their keys up in the index of a table however large, and never reads all of it.
 */
export function stagedOnce({ name, primaryKey, onConflict, version }: Dataset, slot: number, place: StagedPlace, part: StagedPart): string {
  const key = primaryKey.map(identifier).join(', ')
  const best = `${version === undefined ? '' : `${identifier(version)} DESC, `}${place}${onConflict === 'ignore' ? '' : ' DESC'}`
  return `(SELECT DISTINCT ON (${key}) * FROM ${stagingTable(name, slot)} WHERE ${inPart(place, part)} ORDER BY ${key}, ${best})`
}
