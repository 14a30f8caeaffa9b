import { type Problem, problem } from '#core/problems.ts'
import { rejectsFault } from '#core/rejects/max-rejects.ts'
import { combineCrc32, crc32ToHex } from './crc32.ts'
import type { ChunkResult, Load } from './load.ts'

/** What a load ends as; a load that failed early has neither checksum nor time of its last commit. */
export interface Ending {
  readonly state: 'complete' | 'failed'
  readonly loadedCrc32?: string
  readonly committedAt?: string
  readonly problem?: Problem
}

/**
 * Follows the chain of checksums and the counts to the end: the bytes that the chunks read must be, in order and without a gap,
 * the bytes that were uploaded, and the rows must be as many as the client counted. A load that was stopped for
 * its rejects, and is ended anew by a replay, still has too many of them.
 */
export async function endingOf(load: Load, chunks: AsyncIterable<ChunkResult>): Promise<Ending> {
  let [crc, end, received, committedAt] = [0, 0, 0, '']
  let gap: number | undefined
  for await (const chunk of chunks) {
    if (chunk.sourceStart !== end) gap ??= end
    crc = combineCrc32(crc, chunk.crc32, chunk.sourceEnd - chunk.sourceStart)
    end = chunk.sourceEnd
    received += chunk.received
    if (chunk.committedAt > committedAt) committedAt = chunk.committedAt
  }
  const loadedCrc32 = crc32ToHex(crc)
  const fault = faultOf(load, { loadedCrc32, end, gap, received })
  return { state: fault ? 'failed' : 'complete', loadedCrc32, committedAt, ...(fault ? { problem: fault } : {}) }
}

function faultOf(load: Load, read: { loadedCrc32: string; end: number; gap: number | undefined; received: number }): Problem | undefined {
  const rejects = load.maxRejects === undefined ? undefined : rejectsFault(load.maxRejects, load)
  if (rejects) return rejects.problem
  if (read.gap !== undefined || read.end !== load.size)
    return problem(
      'checksum-mismatch',
      `The chunks read ${read.end} of ${load.size} bytes${read.gap === undefined ? '' : `, with a gap at ${read.gap}`}.`,
    )
  if (read.loadedCrc32 !== load.uploadedCrc32)
    return problem(
      'checksum-mismatch',
      `The bytes that were read have CRC32 ${read.loadedCrc32}; those that were uploaded had ${load.uploadedCrc32}.`,
    )
  if (load.expectedRows !== undefined && load.expectedRows !== read.received)
    return problem(
      'row-count-mismatch',
      `The file has ${read.received} rows; ${load.expectedRows} were declared. What was loaded is stated in the counts.`,
    )
  return undefined
}
