import type { Dataset } from '#core/dataset/dataset.ts'
import type { PlannedLoad } from '#core/loads/load.ts'
import type { ChunkPosition, ReadChunk, SourceRange } from '#core/reading/chunk-read.ts'
import type { Quota, Text } from '#core/reading/read-rows.ts'
import type { RowSplitter } from '#core/rows/row-splitter.ts'

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
  readonly chunk: (chunk: number, before: ChunkPosition | undefined, quota: () => Quota) => ReadChunk
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
