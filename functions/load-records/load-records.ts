import { EnvelopeError, type EnvelopeHeader, readEnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { type AccountingError, LoadError } from '#core/errors.ts'
import type { ChunkResult, Load } from '#core/loads/load.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import { putAside } from './put-aside.ts'
import type { RecordChunk } from './record-chunk.ts'
import { loadTogether } from './together.ts'

/** What became of chunks that were to be committed together. */
export type ManyCommitted =
  /** In the order of the chunks. `before`: the ledger had it already. */
  | { readonly kind: 'committed'; readonly results: readonly { readonly result: ChunkResult; readonly before: boolean }[] }
  /** Nothing is committed: the chunk at this index can never be. */
  | { readonly kind: 'at-fault'; readonly at: number; readonly error: LoadError | AccountingError }
  /** Nothing is committed: one of them can never be, and only alone will it show which. */
  | { readonly kind: 'one-by-one' }

/** What the function needs of the world. */
export interface LoadRecordsDeps {
  readonly findDataset: (name: string) => Dataset | undefined
  /** Commits chunks in one transaction, in their order. What passes by itself is tried again while there is time. */
  readonly commitMany: (dataset: Dataset, chunks: readonly RecordChunk[], timeLeft: () => number) => Promise<ManyCommitted>
  /** A committed chunk as the ledger has it. */
  readonly committedChunk: (load: string, chunk: number) => Promise<ChunkResult | undefined>
  readonly projectChunk: (load: Pick<Load, 'id' | 'ttl'>, result: ChunkResult) => Promise<void>
  /** Ends the load when all of its chunks are projected. */
  readonly finishLoad: (load: string) => Promise<void>
  readonly findLoad: (load: string) => Promise<Load | undefined>
  readonly failLoad: (load: string, error: LoadError) => Promise<void>
  /** Keeps a record whole, with the reason why it is not loaded. */
  readonly setAside: (record: StreamRecord, header: EnvelopeHeader | undefined, reason: LoadError) => Promise<void>
  /** Tells of a record that will come again. */
  readonly delayed: (record: StreamRecord, error: unknown) => void
}

/** A record of which it is known what is in it. */
export interface Announced {
  readonly record: StreamRecord
  readonly header: EnvelopeHeader
}

/**
 * @param timeLeft milliseconds until the function is stopped
 * @returns the earliest record that must come again, and with it all behind it; undefined when none must
 */
export type LoadRecords = (records: readonly StreamRecord[], timeLeft: () => number) => Promise<StreamRecord | undefined>

/** Milliseconds kept for showing what was committed, and for the answer. */
const reserve = 5_000
/** Datasets that are loaded at once, each over a connection of its own: one that waits for its table holds up no more than one other. */
const atOnce = 2
/** What one transaction takes at most: texts are held in memory, and a transaction that fails is done again whole. */
const mostBytes = 32 * 1024 * 1024
const mostChunks = 1000

/**
 * Loads what one shard handed over: dataset by dataset, many chunks in one transaction. Records of a dataset are committed in their order, and none
 * after one that must come again. One that can never be loaded is set aside whole, and those behind it go on.
 */
export function createLoadRecords(deps: LoadRecordsDeps): LoadRecords {
  return async (records, timeLeft) => {
    const places = new Map(records.map((record, i) => [record, i]))
    let first = records.length
    const comesAgain = (record: StreamRecord, error: unknown): void => {
      deps.delayed(record, error)
      first = Math.min(first, places.get(record)!)
    }
    const groups = await groupsOf(deps, records, comesAgain)
    const waiting = groups.entries()
    const work = async (): Promise<void> => {
      for (const [dataset, group] of waiting) await loadGroup(deps, dataset, group, timeLeft, comesAgain)
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    return records[first]
  }
}

/** What can be read, by dataset. When a record can neither be read nor set aside, nothing behind it is touched: nobody knows what it would overtake. */
async function groupsOf(
  deps: LoadRecordsDeps,
  records: readonly StreamRecord[],
  comesAgain: (record: StreamRecord, error: unknown) => void,
): Promise<ReadonlyMap<Dataset, Announced[]>> {
  const groups = new Map<Dataset, Announced[]>()
  for (const record of records) {
    const header = headerOf(record)
    const dataset = header instanceof LoadError ? undefined : deps.findDataset(header.dataset)
    if (header instanceof LoadError || !dataset) {
      const known = header instanceof LoadError ? undefined : header
      const reason = header instanceof LoadError ? header : new LoadError('dataset-not-found', `There is no dataset "${header.dataset}".`)
      try {
        await putAside(deps, record, known, reason)
      } catch (error) {
        comesAgain(record, error)
        break
      }
      continue
    }
    const group = groups.get(dataset)
    if (group) group.push({ record, header })
    else groups.set(dataset, [{ record, header }])
  }
  return groups
}

function headerOf({ data }: StreamRecord): EnvelopeHeader | LoadError {
  try {
    return readEnvelopeHeader(data)
  } catch (error) {
    if (error instanceof EnvelopeError) return error
    throw error
  }
}

/** One transaction after the other; the time left is looked at before each but the first, or a short one would only pass the records on. */
async function loadGroup(
  deps: LoadRecordsDeps,
  dataset: Dataset,
  group: readonly Announced[],
  timeLeft: () => number,
  comesAgain: (record: StreamRecord, error: unknown) => void,
): Promise<void> {
  let slowest = 0
  for (const [n, part] of transactionsOf(group).entries()) {
    if (n > 0 && timeLeft() < reserve + 2 * slowest) return comesAgain(part[0]!.record, new Error('the time of the invocation is over'))
    const began = timeLeft()
    if (!(await loadTogether(deps, dataset, part, () => timeLeft() - reserve, comesAgain))) return
    slowest = Math.max(slowest, began - timeLeft())
  }
}

function transactionsOf(group: readonly Announced[]): Announced[][] {
  const parts: Announced[][] = []
  const ids = new Set<string>()
  let bytes = 0
  for (const one of group) {
    const last = parts.at(-1)
    const { load, chunk, replay, size } = one.header
    const id = `${load}/${chunk}`
    bytes += size
    // A chunk that is sent again goes alone: what is committed before it must be in the table when it is compared.
    const alone = replay !== undefined || last?.at(-1)?.header.replay !== undefined
    // One that stands in the stream twice begins a transaction, in its place: if the first was loaded, the ledger says so by then.
    if (!last || alone || ids.has(id) || last.length >= mostChunks || bytes > mostBytes) {
      parts.push([])
      ids.clear()
      bytes = size
    }
    parts.at(-1)!.push(one)
    ids.add(id)
  }
  return parts
}
