import type { Dataset } from '#core/dataset.ts'
import type { Connection } from '../database.ts'
import { identifier, stagingTable } from './identifier.ts'

/** One staged row, as JSON in the dataset's columns. */
export interface StagedRow {
  readonly line: number
  readonly offset: number
  readonly json: string
}

/** Removes up to `limit` staged rows for which `condition` (on `staged`) holds, and returns them in the order of their lines. */
export async function takeStaged(db: Connection, dataset: Dataset, lane: number, condition: string, limit: number): Promise<StagedRow[]> {
  const columns = Object.keys(dataset.columns)
    .map((c) => `taken.${identifier(c)}`)
    .join(', ')
  const { rows } = await db.query<StagedRow>(
    `WITH taken AS (
       DELETE FROM ${stagingTable(dataset.name, lane)}
       WHERE ctid = ANY (ARRAY(SELECT staged.ctid FROM ${stagingTable(dataset.name, lane)} AS staged WHERE ${condition} LIMIT ${limit}))
       RETURNING *)
     SELECT _line::float8 AS line, _offset::float8 AS "offset", (SELECT row_to_json(r)::text FROM (SELECT ${columns}) AS r) AS json
     FROM taken ORDER BY _line`,
  )
  return rows
}
