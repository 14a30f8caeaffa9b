import type { ChunkResult } from '#core/loads/load.ts'
import type { Ignored } from '#core/rows/ignored.ts'
import type { Connection } from '#platform/postgres/database.ts'

/** What the ledger has of a chunk, under the names of a result. */
export const ledgerColumns = `source_start::float8 AS "sourceStart", source_end::float8 AS "sourceEnd", crc32::float8 AS crc32, next_row::float8 AS "nextRow",
       lines::float8 AS lines, last, received::float8 AS received, loaded::float8 AS loaded, updated::float8 AS updated,
       duplicate::float8 AS duplicate, rejected::float8 AS rejected, coalesce(rejects, '[]') AS rejects, committed_at AS "committedAt",
       part, more, ignored`

export interface LedgerRow extends Omit<ChunkResult, 'committedAt' | 'part' | 'more' | 'ignored'> {
  readonly committedAt: Date
  readonly part: number
  readonly more: boolean
  readonly ignored: Ignored | null
}
export const resultOf = ({ part, more, ignored, committedAt, ...row }: LedgerRow): ChunkResult => ({
  ...row,
  committedAt: committedAt.toISOString(),
  ...(part > 0 && { part }),
  ...(more && { more }),
  ...(ignored && { ignored }),
})

/** What is committed of a chunk as the ledger has it, from a part on, in order; all of it when the last one has no `more`. */
export async function readParts(db: Connection, load: string, chunk: number, from: number): Promise<ChunkResult[]> {
  const { rows } = await db.query<LedgerRow>(
    `SELECT chunk, ${ledgerColumns} FROM millrace.ledger WHERE load = $1 AND chunk = $2 AND part >= $3 ORDER BY part`,
    [load, chunk, from],
  )
  return rows.map(resultOf)
}

/** A committed chunk that has no parts, of a batch, as the ledger has it, or undefined. */
export async function readChunk(db: Connection, load: string, chunk: number): Promise<ChunkResult | undefined> {
  const { rows } = await db.query<LedgerRow>(`SELECT chunk, ${ledgerColumns} FROM millrace.ledger WHERE load = $1 AND chunk = $2`, [
    load,
    chunk,
  ])
  return rows[0] && resultOf(rows[0])
}
