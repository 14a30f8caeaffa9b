import type { Connection } from '#platform/postgres/database.ts'

/** False on a reader, and on a writer that is about to become one. */
export async function takesWrites(db: Connection): Promise<boolean> {
  const { rows } = await db.query<{ off: boolean }>(
    `SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS off`,
  )
  return rows[0]?.off === true
}
