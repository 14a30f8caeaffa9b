import type { LoadError } from '#core/errors.ts'
import { endingOf } from '#core/loads/ending.ts'
import { type ChunkResult, chunkKey, type Load } from '#core/loads/load.ts'
import { attributeOf } from '#core/rejects/reject-sums.ts'
import { addIgnored } from '#core/rows/ignored.ts'

/** Loads and the results of their chunks in memory, by the rules of the projection in DynamoDB: everything can be done twice, and changes nothing then. */
export class MemoryLoads<L extends Load> {
  readonly items = new Map<string, L>()
  /** What is shown first of every chunk; later parts of it are in `#parts`. */
  readonly projected = new Map<string, Map<number, ChunkResult>>()
  readonly #parts = new Map<string, Map<string, ChunkResult>>()

  update(id: string, change: Partial<L>): void {
    this.items.set(id, { ...this.items.get(id)!, ...change })
  }

  project(id: string, result: ChunkResult): void {
    const chunks = this.projected.get(id) ?? new Map<number, ChunkResult>()
    this.projected.set(id, chunks)
    const parts = this.#parts.get(id) ?? new Map<string, ChunkResult>()
    this.#parts.set(id, parts)
    const key = chunkKey(id, result.chunk, result.part).sk
    if (parts.has(key)) return
    parts.set(key, result)
    if (!result.part) chunks.set(result.chunk, result)
    const load: Load = this.items.get(id)!
    const ignored = addIgnored(load.ignored, result.ignored)
    const change: Partial<Load> = {
      committed: load.committed + (result.more ? 0 : 1),
      bytesRead: load.bytesRead + result.sourceEnd - result.sourceStart,
      received: load.received + result.received,
      loaded: load.loaded + result.loaded,
      updated: load.updated + result.updated,
      duplicate: load.duplicate + result.duplicate,
      rejected: load.rejected + result.rejected,
      ...Object.fromEntries(result.rejects.map((sum) => [attributeOf(sum), (load[attributeOf(sum)] ?? 0) + sum.rows])),
      ...(ignored && { ignored }),
      ...(result.last ? { planned: result.chunk + 1 } : {}),
    }
    this.update(id, change as Partial<L>)
  }

  /** All that is shown of a load, in the order of its text. */
  inOrder(id: string): ChunkResult[] {
    return [...(this.#parts.get(id) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, result]) => result)
  }

  async finish(id: string): Promise<void> {
    const load: Load = this.items.get(id)!
    const open = load.state === 'loading' || (load.door === 'batch' && load.state === 'receiving')
    if (!open || load.planned === undefined || load.committed < load.planned) return
    const chunks = this.inOrder(id)
    const inOrder = (async function* () {
      yield* chunks
    })()
    this.update(id, { ...(await endingOf(load, inOrder)) } as Partial<L>)
  }

  /** The first ending stands. */
  fail(id: string, { problem }: LoadError): void {
    const state = this.items.get(id)?.state
    if (state === 'receiving' || state === 'loading') this.update(id, { state: 'failed', problem } as Partial<L>)
  }
}
