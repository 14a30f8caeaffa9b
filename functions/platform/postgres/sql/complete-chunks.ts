import type { ChunkResult } from '#core/loads/load.ts'
import type { Connection } from '#platform/postgres/database.ts'

/** Fills in what many chunks came to, last thing before the commit. */
export async function completeChunks(db: Connection, results: readonly (readonly [load: string, result: ChunkResult])[]): Promise<void> {
  const column = <T>(value: (r: ChunkResult) => T): T[] => results.map(([, result]) => value(result))
  await db.query(
    `UPDATE millrace.ledger AS l SET source_start = r.source_start, source_end = r.source_end, crc32 = r.crc32, next_row = r.next_row,
       lines = r.lines, last = r.last, received = r.received, loaded = r.loaded, updated = r.updated, duplicate = r.duplicate,
       rejected = r.rejected, rejects = r.rejects::jsonb, committed_at = r.committed_at, ignored = r.ignored::jsonb
     FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::boolean[], $9::bigint[],
       $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::timestamptz[], $16::text[])
       AS r (load, chunk, source_start, source_end, crc32, next_row, lines, last, received, loaded, updated, duplicate, rejected, rejects, committed_at, ignored)
     WHERE l.load = r.load AND l.chunk = r.chunk`,
    [
      results.map(([load]) => load),
      column((r) => r.chunk),
      column((r) => r.sourceStart),
      column((r) => r.sourceEnd),
      column((r) => r.crc32),
      column((r) => r.nextRow),
      column((r) => r.lines),
      column((r) => r.last),
      column((r) => r.received),
      column((r) => r.loaded),
      column((r) => r.updated),
      column((r) => r.duplicate),
      column((r) => r.rejected),
      column((r) => JSON.stringify(r.rejects)),
      column((r) => r.committedAt),
      column((r) => (r.ignored ? JSON.stringify(r.ignored) : null)),
    ],
  )
}
