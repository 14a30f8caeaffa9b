import type { EnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import type { AccountingError, LoadError } from '#core/errors.ts'
import type { ChunkResult, Load } from '#core/loads/load.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import type { RecordChunk } from './record-chunk.ts'

/** What became of chunks that were to be committed together. */
export type ManyCommitted =
  /** In the order of the chunks. `before`: the ledger had it already. */
  | { readonly kind: 'committed'; readonly results: readonly { readonly result: ChunkResult; readonly before: boolean }[] }
  /** Nothing is committed: the chunk at this index can never be. */
  | { readonly kind: 'at-fault'; readonly at: number; readonly error: LoadError | AccountingError }
  /** Nothing is committed: one of them can never be, and only alone will it show which. */
  | { readonly kind: 'one-by-one' }

/** What it takes to load records: the ledger and the tables, the loads, and where records are kept that cannot be loaded. */
export interface RecordPorts {
  /**
   * Commits chunks in one transaction, in their order. What passes by itself is tried again while there is time.
   * @param timeLeft milliseconds in which to try again
   * @param ofTry milliseconds after which a try is given up that begins now, and cancelled on the server
   * @throws OutOfTimeError
   */
  readonly commitMany: (
    dataset: Dataset,
    chunks: readonly RecordChunk[],
    timeLeft: () => number,
    ofTry: () => number,
  ) => Promise<ManyCommitted>
  /** A committed chunk as the ledger has it. */
  readonly committedChunk: (load: string, chunk: number) => Promise<ChunkResult | undefined>
  readonly projectChunk: (load: Pick<Load, 'id' | 'ttl'>, result: ChunkResult) => Promise<void>
  /** Ends the load when all of its chunks are projected. */
  readonly finishLoad: (load: string) => Promise<void>
  readonly getLoad: (load: string) => Promise<Load | undefined>
  readonly failLoad: (load: string, error: LoadError) => Promise<void>
  /** Keeps a record whole, with the reason why it is not loaded. */
  readonly setAside: (record: StreamRecord, header: EnvelopeHeader | undefined, reason: LoadError) => Promise<void>
}

/** A record of which it is known what is in it. */
export interface Announced {
  readonly record: StreamRecord
  readonly header: EnvelopeHeader
}
