import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import { demandFewRejects } from '#core/rejects/max-rejects.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import type { Announced, RecordPorts } from './ports.ts'

export interface Committed {
  readonly chunk: Announced
  readonly result: ChunkResult
}

/** Loads that are shown at once. Chunks of one load go one after the other: they add to the same item. */
const atOnce = 8

/** Shows committed chunks in their loads, and ends those that are whole. What cannot be shown comes again: the ledger then knows it. */
export async function showCommitted(
  deps: RecordPorts,
  dataset: Dataset,
  committed: readonly Committed[],
  redeliver: (record: StreamRecord, error: unknown) => void,
): Promise<void> {
  const loads = Map.groupBy(committed, ({ chunk }) => chunk.header.load).values()
  const work = async (): Promise<void> => {
    for (const chunks of loads) {
      for (const { chunk, result } of chunks) {
        try {
          await deps.projectChunk({ id: chunk.header.load, ttl: chunk.header.ttl }, result)
          if (chunk === chunks.at(-1)!.chunk) await end(deps, dataset, chunk.header.load)
        } catch (error) {
          redeliver(chunk.record, error)
          break
        }
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

async function end({ getLoad, failLoad, finishLoad }: RecordPorts, { limits }: Dataset, id: string): Promise<void> {
  try {
    if (limits.maxRejects !== undefined) {
      const load = await getLoad(id)
      if (load) demandFewRejects(limits.maxRejects, load)
    }
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    return failLoad(id, error)
  }
  await finishLoad(id)
}
