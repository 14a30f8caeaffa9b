import type { MaxRejects } from '#core/dataset/max-rejects.ts'
import type { Problem } from '#core/problems.ts'
import type { RejectSum } from '#core/rejects/reject-sums.ts'
import type { Compression, Format } from '#core/rows/encoding.ts'
import type { Ignored } from '#core/rows/ignored.ts'
import type { Waiting } from './waiting.ts'

/** What became of rows. `received` is counted where bytes are split into rows, the outcomes where rows are committed. */
export interface Outcomes {
  readonly loaded: number
  readonly updated: number
  readonly duplicate: number
  readonly rejected: number
}
export interface RowCounts extends Outcomes {
  readonly received: number
  readonly pending: number
}

export type LoadState = 'receiving' | 'loading' | 'complete' | 'failed' | 'aborted' | 'expired'
/** States that never change again. */
export const finalStates: ReadonlySet<LoadState> = new Set(['complete', 'failed', 'aborted', 'expired'])

/** The account of one load, as a client sees it. */
export interface Receipt {
  readonly id: string
  readonly dataset: string
  readonly door: 'file' | 'batch'
  readonly state: LoadState
  readonly fileName: string | null
  /** As declared, else as found in the file; null until it was looked at. */
  readonly format: Format | null
  readonly compression: Compression | null
  readonly rows: RowCounts
  /** `max` is the most that the load takes, null when any number. `byCode` lists the 20 most frequent; all others are `others` rows. */
  readonly rejects: { readonly max: MaxRejects | null; readonly byCode: readonly RejectSum[]; readonly others: number }
  /** Columns and keys that the dataset passes over (`unknownColumns: 'ignore'`), and how often: the 50 most frequent. */
  readonly ignored: Ignored
  /** `planned` is null while a compressed file is still being read. */
  readonly chunks: { readonly planned: number | null; readonly committed: number }
  /** Bytes of the object as uploaded, or of the rows that a batch put into the stream; and how many of them the committed chunks have read. */
  readonly bytes: { readonly received: number; readonly read: number }
  /** CRC32 (ISO 3309) as 8 hex digits: of the object as uploaded, and of the bytes that the chunks read. */
  readonly checksum: { readonly algorithm: 'CRC32'; readonly uploaded: string | null; readonly loaded: string | null }
  readonly problem: Problem | null
  /** What a load that is not over waits for; it goes on by itself. */
  readonly waiting: Waiting | null
  readonly trace: string
  readonly createdAt: string
  /** First chunk planned. */
  readonly startedAt: string | null
  /** Last chunk committed. */
  readonly committedAt: string | null
  readonly expiresAt: string | null
  /** `fixes` is the load whose rejects this one corrects; `fixedBy` those that were opened to correct this one's; `source` the one whose object it loads once more. */
  readonly links: {
    readonly self: string
    readonly rejects: string
    readonly fixes: string | null
    readonly fixedBy: readonly string[]
    readonly source: string | null
  }
}

/** `received = loaded + updated + duplicate + rejected + pending`, with nothing negative. */
export function reconciles(rows: RowCounts): boolean {
  const parts = [rows.loaded, rows.updated, rows.duplicate, rows.rejected, rows.pending]
  return parts.every((n) => n >= 0) && parts.reduce((a, b) => a + b, 0) === rows.received
}
