import type { Dataset } from '#core/dataset/dataset.ts'
import type { CommitTicket } from '#core/loads/commit-tickets.ts'
import type { ChunkPlace, ChunkResult, Load } from '#core/loads/load.ts'
import { logFor } from '#platform/log.ts'
import { countRows } from '#platform/metrics.ts'
import { peakMemory } from '#platform/peak-memory.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'
import { type Breaker, DatabaseAway, guardedConnections } from './breaker.ts'
import { type ChunkWork, commitChunk } from './commit-chunk.ts'
import type { Connection } from './database.ts'
import { inTime } from './in-time.ts'
import { type Pause, retry, verdictOn } from './retry.ts'
import type { Transaction } from './sql/claim-chunk.ts'
import { readParts } from './sql/read-chunk.ts'
import { StrategyMemory } from './strategy-memory.ts'

/**
 * Tries before the queue takes over, of work and of looking whether a database that is away has come back, and the waits between them in milliseconds:
 * a loader keeps its place for some five seconds, and then gives it to other work.
 */
const [workTries, lookTries] = [4, 8]
const tries = {
  tries: lookTries,
  base: 500,
  longest: 1500,
  retryable: (error: unknown, n: number) => verdictOn(error) === 'wait' && (n < workTries || error instanceof DatabaseAway),
}

export interface ChunkStore {
  /** What is committed of a chunk, from a part on, in order. */
  readonly committedParts: (load: string, chunk: number, from: number) => Promise<ChunkResult[]>
  /**
   * @param timeLeft milliseconds until it is given up
   * @returns undefined when the part was committed before
   * @throws OutOfTimeError
   */
  readonly commitChunk: (
    load: Load,
    dataset: Dataset,
    place: ChunkPlace,
    read: ChunkWork['read'],
    ticket: CommitTicket,
    timeLeft: () => number,
  ) => Promise<ChunkResult | undefined>
}

/**
 * The ledger and the tables behind it; what passes by itself (failover, deadlock) is tried again here.
 * @param pause between two tries; real time if left out
 */
export function chunkStore(
  connect: () => Promise<Connection>,
  breaker: Breaker,
  openRejects: (load: Load, chunk: number, part: number) => RejectFile,
  pause?: Pause,
): ChunkStore {
  const patience = { ...tries, pause }
  const onDatabase = guardedConnections(connect, breaker)
  const strategies = new StrategyMemory()
  return {
    committedParts: (load, chunk, from) => retry(() => onDatabase((db) => readParts(db, load, chunk, from)), patience),
    async commitChunk(load, dataset, { chunk, part }, read, ticket, timeLeft) {
      const began = performance.now()
      const log = logFor({ tenant: load.tenant, load: load.id, chunk, traceparent: load.traceparent })
      let inWork = false
      const result = await retry(
        () =>
          inTime(onDatabase, timeLeft(), (db, begin) => {
            const begun = (transaction: Transaction): void => {
              inWork = true
              begin(transaction)
            }
            return commitChunk(db, {
              load,
              dataset,
              chunk,
              part,
              begun,
              read,
              openRejects: () => openRejects(load, chunk, part),
              strategy: strategies.first(dataset, load.id),
              ticket,
            })
          }),
        patience,
      ).catch((error: unknown) => {
        if (error instanceof DatabaseAway) error.inWork = inWork
        throw error
      })
      const ms = Math.round(performance.now() - began)
      if (result) {
        strategies.learn(dataset, load.id, result)
        // Names that whoever sends rows chooses are in the receipt, and not in the log.
        const { ignored: _, ...counts } = result
        log.info('chunk committed', { ms, ...counts, rssMiB: peakMemory() })
        countRows(dataset.name, result)
      } else log.info('chunk was committed before', { ms, part })
      return result
    },
  }
}
