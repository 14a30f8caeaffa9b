import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'

/** Rows of the staging table whose key is in the dataset's table with other values: how many, and the keys of the first. */
export interface StagedOver {
  readonly rows: number
  readonly keys: readonly string[]
}
const mostKeys = 3

/** What a merge of the staged rows would change. A row that is there as it is changes nothing, whoever wrote it. */
export async function stagedOver(db: Connection, dataset: Dataset, slot: number): Promise<StagedOver> {
  const columns = Object.keys(dataset.columns)
  const of = (side: string, names: readonly string[]) => names.map((name) => `${side}.${identifier(name)}`).join(', ')
  const same = dataset.primaryKey.map((k) => `target.${identifier(k)} = staged.${identifier(k)}`).join(' AND ')
  const { rows } = await db.query<StagedOver>(
    `WITH over AS (
       SELECT _line, json_build_array(${of('staged', dataset.primaryKey)})::text AS key
       FROM ${stagingTable(dataset.name, slot)} AS staged JOIN ${targetTable(dataset.name)} AS target ON ${same}
       WHERE ROW(${of('staged', columns)}) IS DISTINCT FROM ROW(${of('target', columns)}))
     SELECT count(*)::int AS rows, coalesce((SELECT json_agg(key) FROM (SELECT key FROM over ORDER BY _line LIMIT ${mostKeys}) AS first), '[]') AS keys
     FROM over`,
  )
  return rows[0]!
}
