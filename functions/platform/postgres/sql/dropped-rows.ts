import type { Dataset } from '#core/dataset/dataset.ts'
import { rejectCodes } from '#core/values/reject.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'
import { inPart, type StagedPart, type StagedPlace } from './staged-once.ts'

/** The table let go of a row that it was given, and said nothing. */
export class DroppedRow extends Error {
  override readonly message = rejectCodes['dropped-by-table']
}

/**
 * Whether a table may change rows before it judges them, or drop them: BEFORE triggers for each row of it or of a partition, and rules.
 * https://www.postgresql.org/docs/18/catalog-pg-trigger.html; tgtype: 1 for each row, 2 BEFORE, 4 INSERT, 16 UPDATE
 */
export async function mayChangeRows(db: Connection, dataset: string): Promise<boolean> {
  const { rows } = await db.query<{ mayChangeRows: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_trigger t
         WHERE (t.tgrelid = $1::regclass OR t.tgrelid IN (SELECT relid FROM pg_partition_tree($1::regclass))) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0)
       OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = $1::regclass) AS "mayChangeRows"`,
    [targetTable(dataset)],
  )
  return rows[0]!.mayChangeRows
}

/**
 * Whether one of the staged rows of a part, which have been merged, is neither in the table nor was written to it under another key.
 * @param written rows that were inserted or updated
 */
export async function hasDropped(
  db: Connection,
  dataset: Dataset,
  slot: number,
  place: StagedPlace,
  part: StagedPart,
  written: number,
): Promise<boolean> {
  const same = dataset.primaryKey.map((k) => `target.${identifier(k)} = staged.${identifier(k)}`).join(' AND ')
  const { rows } = await db.query<{ dropped: boolean | null }>(
    `SELECT count(*) > $3 AND bool_or((SELECT true FROM ${targetTable(dataset.name)} AS target WHERE ${same}) IS NULL) AS dropped
     FROM (SELECT * FROM ${stagingTable(dataset.name, slot)} WHERE ${inPart(place, part)}) AS staged`,
    [part.from, part.to, written],
  )
  return rows[0]!.dropped === true
}
