import type { Dataset } from '#core/dataset/dataset.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import { anyOrder } from '#core/loads/commit-tickets.ts'
import { type ChunkResult, type PlannedLoad, placeAfter } from '#core/loads/load.ts'
import type { ChunkPosition, ChunkRead, ReadChunk } from '#core/reading/chunk-read.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { type Quota, readRows } from '#core/reading/read-rows.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { readHeader } from './header.ts'
import type { LoadChunkDeps } from './ports.ts'
import { orSmaller, passOn, type Stint, showParts } from './stint.ts'
import { feed } from './text.ts'

/** @param from where the part before ended; undefined for the first part */
type ReadPart = (from: ChunkPosition | undefined, quota: () => Quota) => ReadChunk

/**
 * Loads the rows that begin in the chunk's byte range, in one transaction, or where that takes too long part after part. The ledger says which part is
 * next, and where it begins. The checksums of the parts cover exactly the range, wherever its rows begin and end.
 */
export async function loadRange(deps: LoadChunkDeps, load: PlannedLoad, dataset: Dataset, job: ChunkJob, stint: Stint): Promise<void> {
  const { chunk } = job
  const readPart = await partReader(deps, load, dataset, job)
  const first = { chunk, part: 0 }
  let before = job.part ? await showParts(deps, load, { chunk, part: job.part - 1 }) : undefined
  const next = () => (before ? placeAfter(before) : first)
  const rest = () => passOn(deps, load, { ...job, ...next() }, stint)
  const commit = async (): Promise<ChunkResult | undefined> => {
    const place = next()
    const part = stint.pace.begin(stint.untilGivenUp)
    const result = await deps.commitChunk(load, dataset, place, readPart(before, part.quota), anyOrder, stint.untilGivenUp)
    if (!result) return showParts(deps, load, place)
    part.committed(result.received)
    await deps.projectChunk(load, result)
    return result
  }
  await orSmaller(
    stint,
    async () => {
      do {
        if (before?.more) stint.pace.found(before.received)
        if (before && !before.more) break
        if (!stint.hasTime) return rest()
        before = await stint.timed(commit)
      } while (before)
      await deps.finishLoad(load.id)
    },
    rest,
  )
}

async function partReader(deps: LoadChunkDeps, load: PlannedLoad, dataset: Dataset, { chunk, from }: ChunkJob): Promise<ReadPart> {
  if (load.format !== 'parquet') return rangeReader(deps, load, dataset, chunk, from)
  const file = await deps.openParquet(load, dataset)
  return (before, quota) => file.chunk(chunk, before, quota)
}

/** @param firstRow where the first row begins, if that is known; else it is behind a newline */
async function rangeReader(
  { openText }: LoadChunkDeps,
  load: PlannedLoad,
  dataset: Dataset,
  chunk: number,
  firstRow?: number,
): Promise<ReadPart> {
  const start = chunk * load.chunkSize
  const end = Math.min(start + load.chunkSize, load.size)
  const { boundaries, reader } = rowFormatOf(load)
  const { rowBytes } = dataset.limits
  const header = await readHeader(openText, load, dataset)
  return (before, quota) => {
    // One byte early: if it is a newline, a row begins exactly at the start of the range.
    const from = before?.nextRow ?? firstRow ?? Math.max(0, start - 1)
    const skipToNewline = before === undefined && firstRow === undefined && start > 0
    const headerLines = chunk === 0 && before === undefined ? header.lines : 0
    return async (sink, lead): Promise<ChunkRead> => {
      const text = openText(load, { from, to: end, sourceFrom: before?.sourceEnd ?? start, sourceTo: end })
      const splitter = new RowSplitter({ boundaries: boundaries(from), rowBytes, offset: from, skipToNewline, ranged: true })
      const rowReader = reader(dataset, { day: new Date(load.createdAt), lead }, header.bytes)
      try {
        const rows = await readRows(feed(splitter, text.pieces), end, rowReader, sink, headerLines, quota())
        // A row that covers the whole range leaves nothing to split in it, but its bytes count.
        while (!rows.more && text.accounted() < end && !(await text.pieces.next()).done);
        return { ...rows, ...text.takeSource(), last: !rows.more && end === load.size }
      } finally {
        await text.pieces.return?.()
      }
    }
  }
}
