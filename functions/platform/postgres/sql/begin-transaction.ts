import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { targetTable } from './identifier.ts'
import { lastRow } from './last-row.ts'
import { shapeVersionSql } from './table-shape.ts'

/**
 * Begins a transaction in which rows are judged one statement at a time: each sees what others have committed by then, whatever the database's default is, and deferred
 * constraints are checked at its end. Only there can the row that breaks one be found; the COMMIT could but refuse all of them. Nothing is
 * set where none is deferred: SET pins an RDS Proxy session.
 *
 * The table is locked as every INSERT locks it, only earlier: until the commit nobody can alter it, so what its shape is now, it is for all rows.
 * @param wait NOWAIT: whoever holds the lock is not waited for
 * @returns the version of the table's shape, for `demandFit`
 * @throws 42P01 without the table, 42809 when its name is that of something else, 55P03 when somebody keeps it locked
 */
export async function beginTransaction(db: Connection, dataset: Dataset, wait: 'NOWAIT' | '' = ''): Promise<string> {
  const table = targetTable(dataset.name)
  // One round trip for all three; `pg` then answers with a result for each, which its types do not know.
  const results: unknown = await db.query(
    `BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE ONLY ${table} IN ROW EXCLUSIVE MODE ${wait};
     SELECT EXISTS (SELECT FROM pg_constraint WHERE condeferred) AS deferred, (${shapeVersionSql(dataset)}) AS version`,
  )
  const { deferred, version } = lastRow<{ deferred: boolean; version: string }>(results)
  if (deferred) await db.query('SET CONSTRAINTS ALL IMMEDIATE')
  return version
}
