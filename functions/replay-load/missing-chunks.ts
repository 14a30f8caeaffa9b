import type { ChunkResult, Load } from '#core/loads/load.ts'

/** Chunks named in one answer. */
const maxNamed = 100

interface ChunksOf {
  readonly chunksOf: (id: string, from: number) => AsyncIterable<ChunkResult>
}
interface Missing {
  /** The first of them. */
  readonly missing: number[]
  /** Null while the number of chunks is not known. */
  readonly missingCount: number | null
}

/** The chunks of a load that are not committed, but for those that are known to lie elsewhere. */
export async function missingChunks(
  load: Pick<Load, 'id' | 'planned'>,
  { chunksOf }: ChunksOf,
  elsewhere: ReadonlySet<number> = new Set(),
): Promise<Missing & { readonly committed: ReadonlySet<number> }> {
  const missing: number[] = []
  const committed = new Set<number>()
  let count = 0
  let next = 0
  const miss = (to: number) => {
    for (; next < to; next++) if (!elsewhere.has(next) && count++ < maxNamed) missing.push(next)
  }
  for await (const { chunk, more } of chunksOf(load.id, 0)) {
    if (elsewhere.has(chunk)) committed.add(chunk)
    miss(chunk)
    // With rows left, a chunk is as missing as one of which nothing is committed.
    next = more ? chunk : chunk + 1
  }
  if (load.planned !== undefined) miss(load.planned)
  return { missing, missingCount: load.planned === undefined ? null : count, committed }
}

export const named = <T>(items: readonly T[]): T[] => items.slice(0, maxNamed)
