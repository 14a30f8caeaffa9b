import type { Connection } from '#platform/postgres/database.ts'

/** A transaction that is under way: its backend's process and its id, by which somebody else can end it. */
export interface Transaction {
  readonly backend: number
  readonly xid: string
}

/**
 * Writes the ledger row of a chunk's part, first thing in its transaction. A second worker on the same part waits here until the
 * first has committed or rolled back.
 * @returns undefined when the part is already committed
 */
export async function claimChunk(
  db: Connection,
  load: string,
  { chunk, part }: { readonly chunk: number; readonly part: number },
  tenant: string,
  dataset: string,
): Promise<Transaction | undefined> {
  const { rows } = await db.query<Transaction>(
    `INSERT INTO millrace.ledger (load, chunk, part, tenant, dataset) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT DO NOTHING RETURNING pg_backend_pid() AS backend, pg_current_xact_id()::text AS xid`,
    [load, chunk, part, tenant, dataset],
  )
  return rows[0]
}
