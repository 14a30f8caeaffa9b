import { chunksCommute, type Dataset } from '#core/dataset/dataset.ts'
import type { ChunkResult, PlannedLoad } from '#core/loads/load.ts'
import { anyTime, Turns } from '#core/loads/turns.ts'
import type { LoadChunkDeps } from './load-chunk.ts'
import { type Position, SequenceReader } from './sequence-reader.ts'
import type { ChunkRead, OpenParquet } from './text.ts'

/** Milliseconds kept for handing over, on top of twice the slowest chunk so far. */
const handOverTime = 10_000
/** Chunks on their way at once, each with its own connection: while Postgres merges one, the next is read and sent. */
const width = 2

/**
 * Reads a text from one end to the other and commits chunk after chunk. The ledger says where to go on: after a crash, a
 * hand-over to the next invocation, or when another delivery of the same message was faster.
 */
export async function loadSequence(
  deps: LoadChunkDeps,
  load: PlannedLoad,
  dataset: Dataset,
  first: number,
  timeLeft: () => number,
): Promise<void> {
  let chunk = first
  for (;;) {
    const before = await skipCommitted(deps, load, chunk)
    if (before?.last) return deps.finishLoad(load.id)
    const outcome = await loadFrom(deps, load, dataset, before, timeLeft)
    if (outcome.kind === 'ended') return deps.finishLoad(load.id)
    if (outcome.kind === 'out-of-time')
      return deps.sendChunks([{ tenant: load.tenant, load: load.id, chunk: outcome.next, mode: 'sequence' }], load.traceparent)
    chunk = outcome.next
  }
}

/** Projects the chunks from `chunk` on that are committed, and returns the last committed one before the work that is left. */
async function skipCommitted(deps: LoadChunkDeps, load: PlannedLoad, chunk: number): Promise<ChunkResult | undefined> {
  let before = chunk > 0 ? await deps.committedChunk(load.id, chunk - 1) : undefined
  for (let n = before ? chunk : 0; ; n++) {
    const committed = await deps.committedChunk(load.id, n)
    if (!committed) return before
    await deps.projectChunk(load, committed)
    before = committed
  }
}

type Outcome = { readonly kind: 'ended' } | { readonly kind: 'out-of-time' | 'overtaken'; readonly next: number }

/**
 * Commits chunks from the first uncommitted one on, `width` at a time. Rows are read strictly one chunk after the other; only
 * their commits overlap, and where the order of rows matters `Turns` keeps it. Whatever happens, it ends when nothing is under way.
 */
async function loadFrom(
  deps: LoadChunkDeps,
  load: PlannedLoad,
  dataset: Dataset,
  before: ChunkResult | undefined,
  timeLeft: () => number,
): Promise<Outcome> {
  const reader =
    load.format === 'parquet' ? inOrder(await deps.openParquet(load, dataset)) : new SequenceReader(deps.openText, load, dataset)
  const turns = chunksCommute(dataset) ? undefined : new Turns()
  const underWay = new Set<Promise<boolean>>()
  const first = before ? before.chunk + 1 : 0
  let slowest = 0
  let failed = false

  /** @returns false when the chunk was committed by somebody else, or before */
  const commit = async (chunk: number, from: Position | undefined, onRead: (read: ChunkRead) => void): Promise<boolean> => {
    const turn = turns?.take()
    const began = timeLeft()
    let committed = false
    try {
      const result = await deps.commitChunk(load, dataset, chunk, reader.chunk(chunk, from, onRead), turn ?? anyTime)
      committed = true
      if (result) await deps.projectChunk(load, result)
      slowest = Math.max(slowest, began - timeLeft())
      return result !== undefined
    } finally {
      turn?.end(committed)
    }
  }

  try {
    let position: Position | undefined = before
    for (let chunk = first; ; chunk++) {
      if (failed || underWay.size >= width) await Promise.race(underWay)
      // At least one chunk an invocation, or a short time limit would only pass the load on.
      if (chunk > first && timeLeft() < handOverTime + 2 * slowest)
        return await settled(underWay, { kind: 'out-of-time', next: chunk }, chunk)
      const read = Promise.withResolvers<ChunkRead>()
      const job = commit(chunk, position, read.resolve)
      underWay.add(job)
      // One that failed stays: whoever waits next gets its error, and nothing more is begun.
      job.then(
        () => underWay.delete(job),
        () => {
          failed = true
        },
      )
      const next = await Promise.race([read.promise, job])
      if (typeof next === 'boolean') return await settled(underWay, { kind: 'overtaken', next: chunk }, chunk)
      if (next.last) return await settled(underWay, { kind: 'ended' }, chunk)
      position = next
    }
  } finally {
    await Promise.allSettled(underWay)
    await reader.close()
  }
}

/** A Parquet file needs no reader that goes on: any of its chunks can be read by itself. */
const inOrder = (file: Awaited<ReturnType<OpenParquet>>): Pick<SequenceReader, 'chunk' | 'close'> => ({
  chunk: (chunk, _from, onRead) => async (sink, lead) => {
    const read = await file.chunk(chunk)(sink, lead)
    onRead(read)
    return read
  },
  close: async () => undefined,
})

/** The outcome, once all that is under way is committed. A chunk that somebody else had committed needs another look at the ledger. */
async function settled(underWay: ReadonlySet<Promise<boolean>>, outcome: Outcome, chunk: number): Promise<Outcome> {
  const ours = await Promise.all(underWay)
  return ours.every(Boolean) ? outcome : { kind: 'overtaken', next: chunk }
}
