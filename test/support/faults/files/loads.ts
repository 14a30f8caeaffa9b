import type { ChunkPlan } from '#core/loads/chunk.ts'
import type { FileLoad, Load } from '#core/loads/load.ts'
import type { LoadState } from '#core/loads/receipt.ts'
import type { Waiting } from '#core/loads/waiting.ts'
import type { Edge } from '#core/reading/csv-edges.ts'
import type { Encoding } from '#core/rows/encoding.ts'
import { MemoryLoads } from '../../memory-loads.ts'

/** Loads of files in memory, by the conditions of `platform/dynamodb/projection.ts` and `edges.ts`. */
export class FileLoads extends MemoryLoads<FileLoad> {
  readonly #edges = new Map<string, Map<number, readonly Edge[]>>()

  /** The first plan stands. */
  start(id: string, plan: ChunkPlan & Encoding, now: Date): Load | undefined {
    const { chunkSize, planned, format, compression } = plan
    const load = this.items.get(id)
    const open = load?.state === 'receiving' || load?.state === 'loading'
    if (open && load.chunkSize === undefined)
      this.update(id, {
        state: 'loading',
        chunkSize,
        format,
        compression,
        startedAt: now.toISOString(),
        ...(planned !== undefined && { planned }),
      })
    return this.items.get(id)
  }

  reopen(id: string): Load | undefined {
    const load = this.items.get(id)
    if ((load?.state === 'failed' || load?.state === 'loading') && load.chunkSize !== undefined) {
      const { problem, loadedCrc32, ...rest } = load
      this.items.set(id, { ...rest, state: 'loading' })
    }
    return this.items.get(id)
  }

  /** As `reopen`, for whoever asks for a replay. @returns the state that was there when another one was */
  reopenFailed(id: string): LoadState | undefined {
    const state = this.items.get(id)!.state
    if (state !== 'failed') return state
    const { problem, loadedCrc32, ...rest } = this.items.get(id)!
    this.items.set(id, { ...rest, state: 'loading' })
    return undefined
  }

  noteWaiting(id: string, waiting: Waiting): void {
    const load = this.items.get(id)
    if ((load?.state === 'receiving' || load?.state === 'loading') && load.waiting?.code !== waiting.code) this.update(id, { waiting })
  }

  noteEdges(id: string, chunk: number, edges: readonly Edge[]): boolean {
    const noted = this.#edges.get(id) ?? new Map<number, readonly Edge[]>()
    this.#edges.set(id, noted)
    if (!noted.has(chunk)) noted.set(chunk, edges)
    const { planned } = this.items.get(id)!
    return planned !== undefined && noted.size >= planned
  }

  edgesOf(id: string): Edge[][] {
    return [...this.#edges.get(id)!].sort(([a], [b]) => a - b).map(([, edges]) => [...edges])
  }

  isCommitted(id: string, chunk: number): boolean {
    return this.inOrder(id).some((result) => result.chunk === chunk && !result.more)
  }
}
