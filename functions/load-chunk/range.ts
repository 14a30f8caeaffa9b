import type { Dataset } from '#core/dataset.ts'
import { rowFormatOf } from '#core/format.ts'
import type { PlannedLoad } from '#core/load.ts'
import { readRows } from '#core/read-rows.ts'
import { RowSplitter } from '#core/row-splitter.ts'
import { anyTime } from '#core/turns.ts'
import type { LoadChunkDeps } from './load-chunk.ts'
import { feed } from './text.ts'

/** Loads the rows that begin in the chunk's byte range. Its checksum covers exactly the range, wherever its rows begin and end. */
export async function loadRange(deps: LoadChunkDeps, load: PlannedLoad, dataset: Dataset, chunk: number): Promise<void> {
  const start = chunk * load.chunkSize
  const end = Math.min(start + load.chunkSize, load.size)
  const { scanner, reader } = rowFormatOf(load)
  const day = new Date(load.createdAt)
  const committed = await deps.commitChunk(
    load,
    dataset,
    chunk,
    async (sink, lead) => {
      // One byte early: if it is a newline, a row begins exactly at the start of the range.
      const from = Math.max(0, start - 1)
      const text = deps.openText(load, { from, to: end, sourceFrom: start, sourceTo: end })
      const splitter = new RowSplitter({
        scanner: scanner(from),
        rowBytes: dataset.limits.rowBytes,
        offset: from,
        skipToNewline: start > 0,
        ranged: true,
      })
      try {
        const rows = await readRows(feed(splitter, text.pieces), end, reader(dataset, { day, lead }, Buffer.alloc(0)), sink)
        return { ...rows, ...text.takeSource(), last: end === load.size }
      } finally {
        await text.pieces.return?.()
      }
    },
    anyTime,
  )
  const result = committed ?? (await deps.committedChunk(load.id, chunk))
  if (result) await deps.projectChunk(load.id, result)
  await deps.finishLoad(load.id)
}
