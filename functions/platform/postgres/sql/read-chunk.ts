import type { ChunkResult } from '#core/loads/load.ts'
import type { Connection } from '#platform/postgres/database.ts'

/** What the ledger has of a chunk, under the names of a result. */
export const ledgerColumns = `source_start::float8 AS "sourceStart", source_end::float8 AS "sourceEnd", crc32::float8 AS crc32, next_row::float8 AS "nextRow",
       lines::float8 AS lines, last, received::float8 AS received, loaded::float8 AS loaded, updated::float8 AS updated,
       duplicate::float8 AS duplicate, rejected::float8 AS rejected, coalesce(rejects, '[]') AS rejects, committed_at AS "committedAt"`

export type LedgerRow = Omit<ChunkResult, 'committedAt'> & { readonly committedAt: Date }
export const resultOf = (row: LedgerRow): ChunkResult => ({ ...row, committedAt: row.committedAt.toISOString() })

/** A committed chunk as the ledger has it, or undefined. */
export async function readChunk(db: Connection, load: string, chunk: number): Promise<ChunkResult | undefined> {
  const { rows } = await db.query<LedgerRow>(`SELECT chunk, ${ledgerColumns} FROM millrace.ledger WHERE load = $1 AND chunk = $2`, [
    load,
    chunk,
  ])
  return rows[0] && resultOf(rows[0])
}
