import type { ChunkResult } from '#core/loads/load.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { type ChunkId, chunkIdText } from './claim-chunks.ts'
import { type LedgerRow, ledgerColumns, resultOf } from './read-chunk.ts'

/** Committed chunks as the ledger has them, by their ids (as text). */
export async function readChunks(db: Connection, chunks: readonly ChunkId[]): Promise<ReadonlyMap<string, ChunkResult>> {
  const { rows } = await db.query<LedgerRow & Pick<ChunkId, 'load'>>(
    `SELECT load, chunk, ${ledgerColumns} FROM millrace.ledger JOIN unnest($1::text[], $2::int[]) AS wanted (load, chunk) USING (load, chunk)`,
    [chunks.map((c) => c.load), chunks.map((c) => c.chunk)],
  )
  return new Map(rows.map(({ load, ...row }) => [chunkIdText({ load, chunk: row.chunk }), resultOf(row)]))
}
