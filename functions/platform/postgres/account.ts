import type { Dataset } from '#core/dataset/dataset.ts'
import { AccountingError } from '#core/errors.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import type { ChunkRead } from '#core/reading/chunk-read.ts'
import type { CountedRejects } from './counted-rejects.ts'

/** What became of a chunk's rows, as the reader and as Postgres counted them. */
export interface Loaded {
  readonly read: ChunkRead
  /** Rows that Postgres took from the COPY. */
  readonly copied: number
  /** Of those, the ones that are new in the table, took the place of an older row, and were refused. */
  readonly inserted: number
  readonly updated: number
  readonly refused: number
  readonly rejects: Pick<CountedRejects, 'count' | 'sums'>
}

/**
 * The chunk's account: every row that was received has one outcome.
 * @throws AccountingError when two counts of the same rows differ
 */
export function accountOf(dataset: Dataset, chunk: number, { read, copied, inserted, updated, refused, rejects }: Loaded): ChunkResult {
  const present = copied - inserted - refused
  // Without a version every row that finds its key takes the place of the one before it, also inside a chunk.
  const replaced = dataset.onConflict === 'ignore' ? 0 : dataset.version === undefined ? present : updated
  const result: ChunkResult = {
    chunk,
    sourceStart: read.sourceStart,
    sourceEnd: read.sourceEnd,
    crc32: read.crc32,
    nextRow: read.nextRow,
    lines: read.lines,
    last: read.last,
    received: read.received,
    loaded: inserted,
    updated: replaced,
    duplicate: present - replaced,
    rejected: rejects.count,
    rejects: rejects.sums,
    committedAt: new Date().toISOString(),
    ...(read.more && { more: read.more }),
    ...(read.ignored && { ignored: read.ignored }),
  }
  const outcomes = result.loaded + result.updated + result.duplicate + result.rejected
  const most = Math.min(result.loaded, result.updated, result.duplicate)
  if (copied !== read.encoded || outcomes !== read.received || most < 0)
    throw new AccountingError(
      `chunk ${chunk}: ${read.received} rows received, ${read.encoded} sent, ${copied} copied, ${outcomes} accounted for`,
    )
  return result
}
