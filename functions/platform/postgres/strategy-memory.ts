import type { Dataset } from '#core/dataset/dataset.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import { isFromTable } from '#core/values/reject.ts'
import { canProbe, type Strategy } from './commit-chunk.ts'

/** Loads and datasets that are remembered: a few bytes each. */
const remembered = 1000

/**
 * Which strategy a load's next chunk should try first: a COPY that Postgres refuses has worked in vain, and leaves dead rows behind. So after a chunk
 * that met keys which were there the next one looks first, or is staged, until a chunk meets none; after one of which Postgres refused rows for
 * other reasons the next is staged. A load that has no chunk yet begins as the last chunk of its dataset ended; the first of all by the policy: whoever
 * updates has rows to update.
 */
export class StrategyMemory {
  readonly #strategies = new Map<string, Strategy>()

  /** @param load undefined where chunks of many loads come together */
  first({ name, onConflict }: Dataset, load: string | undefined): Strategy {
    return this.#strategies.get(load ?? name) ?? this.#strategies.get(name) ?? (onConflict === 'update' ? 'staged' : 'direct')
  }

  learn(
    dataset: Dataset,
    load: string | undefined,
    { received, loaded, rejected, rejects }: Pick<ChunkResult, 'received' | 'loaded' | 'rejected' | 'rejects'>,
  ): void {
    const strategy = refused(rejects) ? 'staged' : loaded + rejected === received ? 'direct' : canProbe(dataset) ? 'probed' : 'staged'
    for (const key of [load ?? dataset.name, dataset.name]) {
      this.#strategies.delete(key)
      this.#strategies.set(key, strategy)
    }
    for (const [oldest] of this.#strategies) {
      if (this.#strategies.size <= remembered) break
      this.#strategies.delete(oldest)
    }
  }
}

const refused = (rejects: ChunkResult['rejects']): boolean => rejects.some(({ code }) => isFromTable(code))
