import type { Dataset } from '#core/dataset/dataset.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import { isFromTable } from '#core/values/reject.ts'
import { canProbe, type Road } from './commit-chunk.ts'

/** Loads and datasets that are remembered: a few bytes each. */
const remembered = 1000

/**
 * Which road a load's next chunk should try first: a COPY that Postgres refuses has worked in vain, and leaves dead rows behind. So after a chunk
 * that met keys which were there the next one looks first, or is staged, until a chunk meets none; after one of which Postgres refused rows for
 * other reasons the next is staged. A load that has no chunk yet begins as the last chunk of its dataset ended; the first of all by the policy: whoever
 * updates has rows to update.
 */
export class RoadMemory {
  readonly #roads = new Map<string, Road>()

  /** @param load undefined where chunks of many loads come together */
  first({ name, onConflict }: Dataset, load: string | undefined): Road {
    return this.#roads.get(load ?? name) ?? this.#roads.get(name) ?? (onConflict === 'update' ? 'staged' : 'direct')
  }

  learn(
    dataset: Dataset,
    load: string | undefined,
    { received, loaded, rejected, rejects }: Pick<ChunkResult, 'received' | 'loaded' | 'rejected' | 'rejects'>,
  ): void {
    const road = refused(rejects) ? 'staged' : loaded + rejected === received ? 'direct' : canProbe(dataset) ? 'probed' : 'staged'
    for (const key of [load ?? dataset.name, dataset.name]) {
      this.#roads.delete(key)
      this.#roads.set(key, road)
    }
    for (const [oldest] of this.#roads) {
      if (this.#roads.size <= remembered) break
      this.#roads.delete(oldest)
    }
  }
}

const refused = (rejects: ChunkResult['rejects']): boolean => rejects.some(({ code }) => isFromTable(code))
