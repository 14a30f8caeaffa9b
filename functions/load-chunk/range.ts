import type { Dataset } from '#core/dataset/dataset.ts'
import type { PlannedLoad } from '#core/loads/load.ts'
import { anyTime } from '#core/loads/turns.ts'
import { rowFormatOf } from '#core/rows/format.ts'
import { readRows } from '#core/rows/read-rows.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { readHeader } from './header.ts'
import type { LoadChunkDeps } from './load-chunk.ts'
import { type ChunkRead, feed, type ReadChunk } from './text.ts'

/**
 * Loads the rows that begin in the chunk's byte range. Its checksum covers exactly the range, wherever its rows begin and end.
 * @param firstRow where the first of them begins, if that is known; else it is behind a newline
 */
export async function loadRange(deps: LoadChunkDeps, load: PlannedLoad, dataset: Dataset, chunk: number, firstRow?: number): Promise<void> {
  const read =
    load.format === 'parquet'
      ? (await deps.openParquet(load, dataset)).chunk(chunk)
      : await rangeReader(deps, load, dataset, chunk, firstRow)
  const committed = await deps.commitChunk(load, dataset, chunk, read, anyTime)
  const result = committed ?? (await deps.committedChunk(load.id, chunk))
  if (result) await deps.projectChunk(load, result)
  await deps.finishLoad(load.id)
}

async function rangeReader(
  { openText }: LoadChunkDeps,
  load: PlannedLoad,
  dataset: Dataset,
  chunk: number,
  firstRow?: number,
): Promise<ReadChunk> {
  const start = chunk * load.chunkSize
  const end = Math.min(start + load.chunkSize, load.size)
  const { scanner, reader } = rowFormatOf(load)
  const { rowBytes } = dataset.limits
  const header = await readHeader(openText, load, dataset)
  // One byte early: if it is a newline, a row begins exactly at the start of the range.
  const from = firstRow ?? Math.max(0, start - 1)
  const skipToNewline = firstRow === undefined && start > 0
  return async (sink, lead): Promise<ChunkRead> => {
    const text = openText(load, { from, to: end, sourceFrom: start, sourceTo: end })
    const splitter = new RowSplitter({ scanner: scanner(from), rowBytes, offset: from, skipToNewline, ranged: true })
    const rowReader = reader(dataset, { day: new Date(load.createdAt), lead }, header.bytes)
    try {
      const rows = await readRows(feed(splitter, text.pieces), end, rowReader, sink, chunk === 0 ? header.lines : 0)
      // A row that covers the whole range leaves nothing to split in it, but its bytes count.
      while (text.accounted() < end && !(await text.pieces.next()).done);
      return { ...rows, ...text.takeSource(), last: end === load.size }
    } finally {
      await text.pieces.return?.()
    }
  }
}
