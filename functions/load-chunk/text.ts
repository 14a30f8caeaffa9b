import type { Dataset } from '#core/dataset/dataset.ts'
import type { PlannedLoad } from '#core/loads/load.ts'
import type { Quota, RowSink, RowsRead, Text } from '#core/reading/read-rows.ts'
import type { RowSplitter } from '#core/rows/row-splitter.ts'

/** The bytes of the object that a chunk accounts for: their range and CRC32. */
interface SourceRange {
  readonly sourceStart: number
  readonly sourceEnd: number
  readonly crc32: number
}

/** Where the rows of what is committed end, and with them the source bytes that are accounted for. */
export interface Position {
  readonly nextRow: number
  readonly sourceEnd: number
}

/** What reading a chunk, or a part of it, found out. */
export interface ChunkRead extends RowsRead, SourceRange {
  /** True when the text ends in this chunk. */
  readonly last: boolean
}

/**
 * Reads one chunk, or a part of it, from its first row. Called again when the rows must go another way: it then begins again.
 * @param lead whether every row is led by its line and offset
 */
export type ReadChunk = (sink: RowSink, lead: boolean) => Promise<ChunkRead>

/** The text of an upload from some point on. */
export interface OpenedText {
  /** Inflated if the object is compressed. */
  readonly pieces: AsyncIterator<Buffer>
  /** Offset up to which source bytes have passed. */
  readonly accounted: () => number
  /** The source bytes that passed since the last call. */
  readonly takeSource: () => SourceRange
}

interface TextRange {
  /** Text offset from which the text is needed. Compressed text always begins at 0. */
  readonly from: number
  /** Text is certainly needed up to here. */
  readonly to: number
  /** Source bytes before or behind this range are not accounted for. */
  readonly sourceFrom: number
  readonly sourceTo: number
}

/** A file of which any chunk can be read by itself. */
interface ParquetFile {
  /**
   * @param before where the part before ended; undefined for the first part
   * @param quota where the part may end earlier than the chunk, asked whenever it is read
   */
  readonly chunk: (chunk: number, before: Position | undefined, quota: () => Quota) => ReadChunk
}
export type OpenParquet = (load: PlannedLoad, dataset: Dataset) => Promise<ParquetFile>

export type OpenText = (load: PlannedLoad, range: TextRange) => OpenedText

export function feed(splitter: RowSplitter, pieces: AsyncIterator<Buffer>): Text {
  return {
    splitter,
    async more() {
      const { value, done } = await pieces.next()
      if (done) return false
      splitter.push(value)
      return true
    },
  }
}
