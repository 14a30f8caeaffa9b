import type { Connection } from '#platform/postgres/database.ts'
import type { Transaction } from './claim-chunk.ts'

export interface ChunkId {
  readonly load: string
  readonly chunk: number
}
/** Where a chunk stood in the stream. */
export interface StreamPlace {
  /** Sequence number of its record. */
  readonly position: string
  readonly lane?: number | undefined
  /** How many lanes the batch was spread over. */
  readonly lanes?: number | undefined
}
/** Load ids have no slash. */
export const chunkIdText = ({ load, chunk }: ChunkId): string => `${load}/${chunk}`

/**
 * Writes the ledger rows of many chunks of one dataset, first thing in their transaction. A second worker on one of them waits here until the
 * first has committed or rolled back; all take them in the order of their ids, so that two that share some never wait for each other.
 * @returns the ids (as text) of those that were not there, and if there are any the transaction that has them
 */
export async function claimChunks(
  db: Connection,
  dataset: string,
  chunks: readonly (ChunkId & StreamPlace & { readonly tenant: string })[],
): Promise<{ readonly claimed: ReadonlySet<string>; readonly transaction: Transaction | undefined }> {
  const { rows } = await db.query<ChunkId & Transaction>(
    `INSERT INTO millrace.ledger (load, chunk, tenant, dataset, lane, lanes, position)
     SELECT load, chunk, tenant, $7, lane, lanes, position
     FROM unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::int[], $6::numeric[]) AS wanted (load, chunk, tenant, lane, lanes, position)
     ORDER BY load, chunk ON CONFLICT DO NOTHING
     RETURNING load, chunk, pg_backend_pid() AS backend, pg_current_xact_id()::text AS xid`,
    [
      chunks.map((c) => c.load),
      chunks.map((c) => c.chunk),
      chunks.map((c) => c.tenant),
      chunks.map((c) => c.lane ?? null),
      chunks.map((c) => c.lanes ?? null),
      chunks.map((c) => c.position),
      dataset,
    ],
  )
  return { claimed: new Set(rows.map(chunkIdText)), transaction: rows[0] }
}
