import type { Dataset } from '#core/dataset.ts'
import type { Connection } from '../database.ts'
import { stagingTable } from './identifier.ts'
import type { StagedPlace } from './staged-once.ts'

/** The range [from, to) in which all staged rows are; undefined when there are none. */
export async function stagedRange(
  db: Connection,
  dataset: Dataset,
  lane: number,
  place: StagedPlace,
): Promise<readonly [from: number, to: number] | undefined> {
  const { rows } = await db.query<{ first: number | null; last: number | null }>(
    `SELECT min(${place})::float8 AS first, max(${place})::float8 AS last FROM ${stagingTable(dataset.name, lane)}`,
  )
  const { first, last } = rows[0]!
  return first === null || last === null ? undefined : [first, last + 1]
}
