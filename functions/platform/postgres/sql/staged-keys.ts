import type { Dataset } from '#core/dataset/dataset.ts'
import type { KeyRange } from '#core/loads/commit-tickets.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, stagingTable } from './identifier.ts'

const wholeNumbers: readonly string[] = ['smallint', 'integer', 'bigint']

/** The range of the first key column of the staged rows, when it is a whole number; undefined when nothing can be said, or there are no rows. */
export async function stagedKeys(db: Connection, dataset: Dataset, slot: number): Promise<KeyRange | undefined> {
  const [key] = dataset.primaryKey
  if (key === undefined || !wholeNumbers.includes(dataset.columns[key]!.type)) return undefined
  const column = identifier(key)
  const { rows } = await db.query(
    `SELECT min(${column})::text AS first, max(${column})::text AS last FROM ${stagingTable(dataset.name, slot)}`,
  )
  const { first, last } = rows[0] as { first: string | null; last: string | null }
  return first === null || last === null ? undefined : { first: BigInt(first), last: BigInt(last) }
}
