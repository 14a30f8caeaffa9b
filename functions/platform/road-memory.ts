import type { Dataset } from '#core/dataset.ts'
import type { ChunkResult } from '#core/load.ts'
import type { Road } from './commit-chunk.ts'

/** Loads and datasets that are remembered: a few bytes each. */
const remembered = 1000

/**
 * Which road a load's next chunk should try first. A direct COPY that meets a key that is there already has worked in vain (and leaves dead
 * rows behind), so a load whose last chunk met one goes the staged road until a chunk meets none. A load that has no chunk yet begins as the
 * last chunk of its dataset ended; the first of all by the policy: whoever updates has rows to update.
 */
export class RoadMemory {
  readonly #roads = new Map<string, Road>()

  /** @param load undefined where chunks of many loads come together */
  first({ name, onConflict }: Dataset, load: string | undefined): Road {
    return this.#roads.get(load ?? name) ?? this.#roads.get(name) ?? (onConflict === 'update' ? 'staged' : 'direct')
  }

  learn(
    { name }: Dataset,
    load: string | undefined,
    { received, loaded, rejected }: Pick<ChunkResult, 'received' | 'loaded' | 'rejected'>,
  ): void {
    const road = loaded + rejected === received ? 'direct' : 'staged'
    for (const key of [load ?? name, name]) {
      this.#roads.delete(key)
      this.#roads.set(key, road)
    }
    for (const [oldest] of this.#roads) {
      if (this.#roads.size <= remembered) break
      this.#roads.delete(oldest)
    }
  }
}
