import type { ChunkResult } from '#core/load.ts'
import type { Road } from './commit-chunk.ts'

/** Loads that are remembered: a few bytes each. */
const remembered = 1000

/**
 * Which road a load's next chunk should try first. A direct COPY that meets a key that is there already has worked in vain (and leaves dead
 * rows behind), so a load whose last chunk met one goes the staged road until a chunk meets none.
 */
export class RoadMemory {
  readonly #staged = new Set<string>()

  first(load: string): Road {
    return this.#staged.has(load) ? 'staged' : 'direct'
  }

  learn(load: string, { received, loaded, rejected }: Pick<ChunkResult, 'received' | 'loaded' | 'rejected'>): void {
    this.#staged.delete(load)
    if (loaded + rejected === received) return
    this.#staged.add(load)
    const [oldest] = this.#staged
    if (this.#staged.size > remembered && oldest !== undefined) this.#staged.delete(oldest)
  }
}
