import type { Dataset } from '#core/dataset/dataset.ts'
import { rawBytes } from '#core/rejects/reject-row.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, stagingTable } from './identifier.ts'
import { jsonOf } from './json-of.ts'

/** One staged row, as a JSON object that the loader reads as the same row; of one that is longer than a reject keeps, one character more than that. */
export interface StagedRow {
  readonly line: number
  readonly offset: number
  readonly json: string
}

/** Rows that are taken out at once. */
export const takenAtOnce = 2000

/** Removes up to `limit` staged rows for which `condition` (on `staged`) holds, and returns them in the order of their lines. */
export async function takeStaged(db: Connection, dataset: Dataset, slot: number, condition: string, limit: number): Promise<StagedRow[]> {
  const columns = Object.entries(dataset.columns)
    .map(([name, column]) => `${jsonOf(column, `taken.${identifier(name)}`)} AS ${identifier(name)}`)
    .join(', ')
  const { rows } = await db.query<StagedRow>(
    `WITH taken AS (
       DELETE FROM ${stagingTable(dataset.name, slot)}
       WHERE ctid = ANY (ARRAY(SELECT staged.ctid FROM ${stagingTable(dataset.name, slot)} AS staged WHERE ${condition} LIMIT ${limit}))
       RETURNING *)
     SELECT _line::float8 AS line, _offset::float8 AS "offset", (SELECT left(row_to_json(_row)::text, ${rawBytes + 1}) FROM (SELECT ${columns}) AS _row) AS json
     FROM taken ORDER BY _line, _offset`,
  )
  return rows
}
