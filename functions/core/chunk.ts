import { chunksCommute, type Dataset } from './dataset.ts'
import type { Encoding } from './load.ts'

/**
 * How a load is cut into chunks.
 * `range`: every chunk is read by itself, side by side. `sequence`: one reader goes through the text and commits chunk after chunk,
 * because only it knows where rows begin (compressed text, CSV with newlines in quotes) or because the order matters (policy `update`).
 */
type ChunkMode = 'range' | 'sequence'

export interface ChunkPlan {
  readonly mode: ChunkMode
  /** Text bytes a chunk owns. */
  readonly chunkSize: number
  /** Undefined when only reading can tell. */
  readonly planned: number | undefined
}

/** One message on the chunk queue. */
export interface ChunkJob {
  readonly tenant: string
  readonly load: string
  readonly chunk: number
  readonly mode: ChunkMode
}

const mebibyte = 1024 * 1024
/** A transaction of about 150,000 short rows: large enough that its fixed costs vanish, small enough to be retried cheaply. */
const smallestChunk = 16 * mebibyte
/** Keeps the plan of the largest file under 10,000 messages, until a chunk would no longer load within one invocation. */
const mostChunks = 10_000
const largestChunk = 256 * mebibyte

/** @param size bytes of the object */
export function planChunks(dataset: Dataset, encoding: Encoding, size: number): ChunkPlan {
  const wanted = Math.ceil(size / mostChunks / mebibyte) * mebibyte
  const chunkSize = Math.min(largestChunk, Math.max(smallestChunk, wanted))
  const planned = encoding.compression === 'none' ? Math.max(1, Math.ceil(size / chunkSize)) : undefined
  const mode = encoding.compression === 'none' && encoding.format === 'ndjson' && chunksCommute(dataset) ? 'range' : 'sequence'
  return { mode, chunkSize, planned }
}

/** Reads a message; undefined when it is none. */
export function parseChunkJob(body: string): ChunkJob | undefined {
  let job: unknown
  try {
    job = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof job !== 'object' || job === null) return undefined
  const { tenant, load, chunk, mode } = job as Partial<Record<keyof ChunkJob, unknown>>
  if (typeof tenant !== 'string' || typeof load !== 'string' || !Number.isSafeInteger(chunk)) return undefined
  return mode === 'range' || mode === 'sequence' ? { tenant, load, chunk: chunk as number, mode } : undefined
}
