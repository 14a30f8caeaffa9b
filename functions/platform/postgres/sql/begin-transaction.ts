import type { Connection } from '#platform/postgres/database.ts'

/**
 * Begins a transaction in which rows are judged one statement at a time: each sees what others have committed by then, whatever the database's default is, and deferred
 * constraints are checked at its end. Only there can the row that breaks one be found; the COMMIT could but refuse all of them. Nothing is
 * set where none is deferred: SET pins an RDS Proxy session.
 */
export async function beginTransaction(db: Connection): Promise<void> {
  await db.query('BEGIN ISOLATION LEVEL READ COMMITTED')
  const { rows } = await db.query<{ deferred: boolean }>('SELECT EXISTS (SELECT FROM pg_constraint WHERE condeferred) AS deferred')
  if (rows[0]!.deferred) await db.query('SET CONSTRAINTS ALL IMMEDIATE')
}
