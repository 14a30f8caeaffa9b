import type { ChunkResult } from '#core/loads/load.ts'
import type { Connection } from '#platform/postgres/database.ts'

/** Fills in what the part of the chunk came to, last thing before the commit. */
export async function completeChunk(db: Connection, load: string, r: ChunkResult): Promise<void> {
  await db.query(
    `UPDATE millrace.ledger SET source_start = $3, source_end = $4, crc32 = $5, next_row = $6, lines = $7, last = $8,
       received = $9, loaded = $10, updated = $11, duplicate = $12, rejected = $13, rejects = $14, committed_at = $15, more = $16, ignored = $18
     WHERE load = $1 AND chunk = $2 AND part = $17`,
    [
      load,
      r.chunk,
      r.sourceStart,
      r.sourceEnd,
      r.crc32,
      r.nextRow,
      r.lines,
      r.last,
      r.received,
      r.loaded,
      r.updated,
      r.duplicate,
      r.rejected,
      JSON.stringify(r.rejects),
      r.committedAt,
      r.more === true,
      r.part ?? 0,
      r.ignored ? JSON.stringify(r.ignored) : null,
    ],
  )
}
