import type { Dataset } from '#core/dataset/dataset.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import type { PlannedLoad } from '#core/loads/load.ts'
import { type Edge, findEdges, firstEdge, joinEdges } from '#core/reading/csv-edges.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { readHeader } from './header.ts'
import type { LoadChunkDeps } from './ports.ts'
import { feed } from './text.ts'

/**
 * Looks for where the rows of one chunk may begin. Whoever finds the last chunk looked at joins them and queues the chunks as ranges,
 * or, where they cannot be joined, one reader for all of them.
 */
export async function findChunkEdges(deps: LoadChunkDeps, load: PlannedLoad, dataset: Dataset, chunk: number): Promise<void> {
  const edges = await edgesOf(deps, load, dataset, chunk)
  if (!(await deps.noteEdges(load, chunk, edges))) return
  const starts = joinEdges(await deps.notedEdges(load.id), load.chunkSize)
  await deps.sendChunks(jobsOf(load, starts), load.traceparent)
}

async function edgesOf({ openText }: LoadChunkDeps, load: PlannedLoad, dataset: Dataset, chunk: number): Promise<Edge[]> {
  const from = chunk * load.chunkSize
  const to = Math.min(from + load.chunkSize, load.size)
  const { rowBytes } = dataset.limits
  const header = chunk === 0 ? await readHeader(openText, load, dataset) : undefined
  const offset = header?.end ?? from - 1
  const { pieces } = openText(load, { from: offset, to, sourceFrom: offset, sourceTo: offset })
  try {
    if (header) {
      const { boundaries } = rowFormatOf(load)
      const splitter = new RowSplitter({ boundaries: boundaries(offset), rowBytes, offset, skipToNewline: false, ranged: false })
      return [await firstEdge(feed(splitter, pieces), offset, to, load.csv ?? standardCsv)]
    }
    const next = async (): Promise<Buffer | undefined> => {
      const { value, done } = await pieces.next()
      return done ? undefined : value
    }
    return await findEdges({ from, to, rowBytes, dialect: load.csv ?? standardCsv, next })
  } finally {
    await pieces.return?.()
  }
}

function* jobsOf({ tenant, id: load }: PlannedLoad, starts: readonly number[] | undefined): Generator<ChunkJob> {
  if (!starts) yield { tenant, load, chunk: 0, mode: 'sequence' }
  else for (const [chunk, from] of starts.entries()) yield { tenant, load, chunk, mode: 'range', from }
}
