import type { Connection } from '#platform/postgres/database.ts'

/**
 * Writes the chunk's ledger row, first thing in its transaction. A second worker on the same chunk waits here until the
 * first has committed or rolled back.
 * @returns false when the chunk is already committed
 */
export async function claimChunk(db: Connection, load: string, chunk: number, tenant: string, dataset: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'INSERT INTO millrace.ledger (load, chunk, tenant, dataset) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1',
    [load, chunk, tenant, dataset],
  )
  return rowCount === 1
}
