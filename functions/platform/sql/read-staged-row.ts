import type { Dataset } from '#core/dataset.ts'
import type { Connection } from '../database.ts'
import { identifier, stagingTable } from './identifier.ts'

/** One staged row by its line, as JSON in the dataset's columns. */
export async function readStagedRow(
  db: Connection,
  dataset: Dataset,
  lane: number,
  line: number,
): Promise<{ line: number; offset: number; json: string }> {
  const columns = Object.keys(dataset.columns).map(identifier).join(', ')
  const { rows } = await db.query(
    `SELECT s._offset::float8 AS "offset", (SELECT row_to_json(r)::text FROM (SELECT ${columns}) AS r) AS json
     FROM ${stagingTable(dataset.name, lane)} AS s WHERE s._line = $1`,
    [line],
  )
  return { line, offset: rows[0].offset as number, json: rows[0].json as string }
}
