import { setTimeout as sleep } from 'node:timers/promises'
import type { EnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import type { RecordPorts } from '#core/records/ports.ts'
import type { RecordChunk } from '#core/records/record-chunk.ts'
import { traceId } from '#core/trace.ts'
import { log } from '#platform/log.ts'
import { countRows } from '#platform/metrics.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'
import { type Breaker, guardedConnections } from './breaker.ts'
import { commitMany } from './commit-many.ts'
import type { ChunkInput } from './copy-many.ts'
import type { Connection } from './database.ts'
import { inTime } from './in-time.ts'
import { isLocked, type Pause, retry, verdictOn } from './retry.ts'
import { readChunk } from './sql/read-chunk.ts'
import { StrategyMemory } from './strategy-memory.ts'

/** The longest first wait and the longest wait of all, milliseconds: an outage is waited out for as long as there is time. */
const waits = { base: 200, longest: 5_000 }

/** Milliseconds of waiting after which a table that somebody keeps locked is not asked again: its records are parked, and hold up nobody. */
const lockPatience = 5_000

/**
 * The ledger and the tables behind it, for chunks that are committed together.
 * @param pause between two tries; real time if left out
 */
export function recordStore(
  connect: () => Promise<Connection>,
  breaker: Breaker,
  openRejects: (header: EnvelopeHeader) => RejectFile,
  pause: Pause = sleep,
): Pick<RecordPorts, 'committedChunk' | 'commitMany'> {
  const onDatabase = guardedConnections(connect, breaker)
  // What the last rows of a dataset met tells best what the next ones will: batches are small, and the next is another load's.
  const strategies = new StrategyMemory()
  const oneOfMany = ({ limits }: Dataset, { header, record, read, placeOf }: RecordChunk): ChunkInput => ({
    load: { id: header.load, tenant: header.tenant, ...(limits.maxRejects === undefined ? {} : { maxRejects: limits.maxRejects }) },
    chunk: header.chunk,
    // Sent again, a chunk keeps the place that it had.
    place: { position: header.replay?.position ?? record.sequenceNumber, lane: header.lane, lanes: header.lanes },
    ...(header.replay && !header.replay.allowOlderRows ? { orderedSince: header.replay.arrivedAt } : {}),
    size: header.size,
    openRejects: () => openRejects(header),
    read,
    placeOf,
    refused: header.refused,
  })
  return {
    committedChunk: (load, chunk) => onDatabase((db) => readChunk(db, load, chunk)),
    async commitMany(dataset, chunks, timeLeft, ofTry) {
      const many = chunks.map((chunk) => oneOfMany(dataset, chunk))
      const began = performance.now()
      let [tries, waited] = [0, 0]
      const committed = await retry(
        () => {
          tries++
          return inTime(onDatabase, ofTry(), (db, begun) => commitMany(db, dataset, many, strategies.first(dataset, undefined), begun))
        },
        {
          tries: Number.POSITIVE_INFINITY,
          ...waits,
          pause: (milliseconds) => {
            waited += milliseconds
            return pause(milliseconds)
          },
          retryable: (error) => verdictOn(error) === 'wait' && timeLeft() > waits.longest && !(isLocked(error) && waited > lockPatience),
        },
      )
      if (committed.kind === 'committed') {
        const made = committed.results.flatMap(({ result, before }) => (before ? [] : [result]))
        const rows = sumOf(made)
        if (made.length > 0) {
          strategies.learn(dataset, undefined, { ...rows, rejects: made.flatMap(({ rejects }) => rejects) })
          countRows(dataset.name, rows)
        }
        const ms = Math.round(performance.now() - began)
        log.info('transaction committed', {
          dataset: dataset.name,
          ms,
          tries,
          chunks: made.length,
          before: chunks.length - made.length,
          ...rows,
        })
        tellLoads(chunks, committed.results)
      }
      return committed
    },
  }
}

/** One line a load, so that a load is found whole in the logs; not one a chunk, of which there may be thousands. */
function tellLoads(chunks: readonly RecordChunk[], results: readonly { readonly result: ChunkResult; readonly before: boolean }[]): void {
  const done = chunks.map(({ header }, i) => ({ header, ...results[i]! }))
  for (const [load, of] of Map.groupBy(done, ({ header }) => header.load)) {
    const { tenant, traceparent } = of[0]!.header
    log.info('chunks committed', {
      ...{ tenant, load, trace: traceId(traceparent) },
      chunks: of.map(({ result }) => result.chunk),
      before: of.filter(({ before }) => before).length,
      ...sumOf(of.map(({ result }) => result)),
    })
  }
}

const counts = ['received', 'loaded', 'updated', 'duplicate', 'rejected'] as const
const sumOf = (results: readonly ChunkResult[]): Pick<ChunkResult, (typeof counts)[number]> => {
  const total = { received: 0, loaded: 0, updated: 0, duplicate: 0, rejected: 0 }
  for (const result of results) for (const name of counts) total[name] += result[name]
  return total
}
