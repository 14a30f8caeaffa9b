import { chunksCommute, type Dataset } from '#core/dataset/dataset.ts'
import type { Encoding } from '#core/rows/encoding.ts'

/**
 * How a load is cut into chunks.
 * `range`: every chunk is read by itself, side by side. `edges`: every chunk is looked at, side by side, for where its rows may begin; then
 * they are ranges (CSV, where a newline may stand in quotes). `sequence`: one reader goes through the text and commits chunk after chunk,
 * because only it knows where rows begin (compressed text) or because the order matters (policy `update` without a version).
 */
type ChunkMode = 'range' | 'edges' | 'sequence'

export interface ChunkPlan {
  /** Text bytes a chunk owns; of Parquet bytes of the file. */
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
  /** Text offset of the first row of a range, where a newline alone does not tell. */
  readonly from?: number
  /** The part to go on with: those before it are committed, and shown in the load. Absent: the first. */
  readonly part?: number
  /** Most rows of the next part, where larger ones were too slow. */
  readonly rows?: number
  /** How often the database went away while a transaction of this chunk was under way. */
  readonly interruptions?: number
}

const mebibyte = 1024 * 1024
/** Loaders that may work side by side: a file is cut into as many even chunks, or a multiple of it, so that they end together. */
const sideBySide = 16
/**
 * Bytes of a chunk, of a small file and of a larger one. 16 MiB of text is a transaction of about 150,000 short rows: large enough that its fixed
 * costs vanish, small enough to be retried cheaply; a fourth of it still takes longer than what surrounds it. Parquet holds many more rows in a byte.
 */
const chunkBytes = {
  text: { least: 4 * mebibyte, usual: 16 * mebibyte },
  parquet: { least: mebibyte, usual: 4 * mebibyte },
}
/** Keeps the plan of the largest file under 10,000 messages, until a chunk would no longer load within one invocation. */
const mostChunks = Math.floor(10_000 / sideBySide) * sideBySide
const largestChunk = 256 * mebibyte

/** @param size bytes of the object */
export function planChunks({ format, compression }: Encoding, size: number): ChunkPlan {
  const { least, usual } = chunkBytes[format === 'parquet' ? 'parquet' : 'text']
  if (compression !== 'none') return { chunkSize: usual, planned: undefined }
  const wanted = size <= least * sideBySide ? Math.ceil(size / least) : Math.ceil(size / (usual * sideBySide)) * sideBySide
  const chunkSize = Math.min(largestChunk, Math.ceil(size / Math.max(1, Math.min(wanted, mostChunks))))
  return { chunkSize, planned: Math.ceil(size / chunkSize) }
}

/** @param planned chunks of the load, undefined when only reading can tell */
export function chunkMode(dataset: Dataset, { format }: Pick<Encoding, 'format'>, planned: number | undefined): ChunkMode {
  if (planned === undefined || !chunksCommute(dataset)) return 'sequence'
  if (format === 'ndjson' || format === 'parquet') return 'range'
  return format === 'csv' && planned > 1 ? 'edges' : 'sequence'
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
  const { tenant, load, chunk, mode, from, part, rows, interruptions } = job as Partial<Record<keyof ChunkJob, unknown>>
  if (typeof tenant !== 'string' || typeof load !== 'string' || !Number.isSafeInteger(chunk)) return undefined
  if (mode !== 'range' && mode !== 'edges' && mode !== 'sequence') return undefined
  const numbers = Object.entries({ from, part, rows, interruptions }).filter(([, value]) => value !== undefined)
  if (!numbers.every(([, value]) => Number.isSafeInteger(value))) return undefined
  return { tenant, load, chunk: chunk as number, mode, ...Object.fromEntries(numbers) }
}
