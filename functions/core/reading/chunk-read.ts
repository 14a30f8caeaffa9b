import type { RowSink, RowsRead } from './read-rows.ts'

/** The bytes of the source that a chunk accounts for: their range and CRC32. */
export interface SourceRange {
  readonly sourceStart: number
  readonly sourceEnd: number
  readonly crc32: number
}

/** What reading a chunk, or a part of it, found out. */
export interface ChunkRead extends RowsRead, SourceRange {
  /** True when the text ends in this chunk. */
  readonly last: boolean
}

/**
 * Reads one chunk, or a part of it, from its first row. Called again when the rows are loaded by another strategy: it then begins again.
 * @param lead whether every row is led by its line and offset
 */
export type ReadChunk = (sink: RowSink, lead: boolean) => Promise<ChunkRead>

/** Where a part of a chunk ended: the offset (Parquet: the number) of the row behind it, and the source bytes that are accounted for. */
export type ChunkPosition = Pick<ChunkRead, 'nextRow' | 'sourceEnd'>
