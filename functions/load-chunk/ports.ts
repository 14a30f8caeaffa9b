import type { Dataset } from '#core/dataset/dataset.ts'
import type { LoadError } from '#core/errors.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import type { CommitTicket } from '#core/loads/commit-tickets.ts'
import type { ChunkPlace, ChunkResult, Load } from '#core/loads/load.ts'
import type { Waiting } from '#core/loads/waiting.ts'
import type { ReadChunk } from '#core/reading/chunk-read.ts'
import type { Edge } from '#core/reading/csv-edges.ts'
import type { OpenParquet, OpenText } from './text.ts'

/** What the function needs of the world. */
export interface LoadChunkDeps {
  readonly getLoad: (id: string) => Promise<Load | undefined>
  readonly findDataset: (name: string) => Dataset | undefined
  readonly openText: OpenText
  readonly openParquet: OpenParquet
  /** What is committed of a chunk as the ledger has it, from a part on, in order. */
  readonly committedParts: (load: string, chunk: number, from: number) => Promise<ChunkResult[]>
  /**
   * Commits what `read` sends to the sink, exactly once; undefined when that part of the chunk was committed before.
   * @param timeLeft milliseconds until it is given up, with an OutOfTimeError
   */
  readonly commitChunk: (
    load: Load,
    dataset: Dataset,
    place: ChunkPlace,
    read: ReadChunk,
    ticket: CommitTicket,
    timeLeft: () => number,
  ) => Promise<ChunkResult | undefined>
  readonly projectChunk: (load: Load, result: ChunkResult) => Promise<void>
  /** Ends the load when all of its chunks are projected. */
  readonly finishLoad: (load: string) => Promise<void>
  readonly failLoad: (load: string, error: LoadError) => Promise<void>
  /** @param delay seconds until they come, none if left out */
  readonly sendChunks: (jobs: Iterable<ChunkJob>, traceparent: string, delay?: number) => Promise<void>
  /** Of an error that says that the database is away: since when, ISO 8601, and whether it went while a transaction of the chunk was under way. */
  readonly away: (error: unknown) => { readonly since: string; readonly inWork: boolean } | undefined
  /** Says in the load what it waits for. */
  readonly noteWaiting: (load: string, waiting: Waiting) => Promise<void>
  /** Milliseconds for which a load waits for a database that is away. */
  readonly patience: number
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Notes where the rows of a chunk may begin; true when that is known of every chunk of the load. */
  readonly noteEdges: (load: Load, chunk: number, edges: readonly Edge[]) => Promise<boolean>
  /** What was noted, chunk by chunk. */
  readonly notedEdges: (load: string) => Promise<Edge[][]>
}
