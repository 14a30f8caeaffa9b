import { chunksCommute, type Dataset } from '#core/dataset/dataset.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import { anyOrder, CommitTickets } from '#core/loads/commit-tickets.ts'
import { type ChunkPlace, type ChunkResult, type PlannedLoad, placeAfter } from '#core/loads/load.ts'
import type { ChunkPosition, ChunkRead } from '#core/reading/chunk-read.ts'
import type { LoadChunkDeps } from './ports.ts'
import { SequenceReader } from './sequence-reader.ts'
import { orSmaller, passOn, type Stint, showParts } from './stint.ts'
import type { OpenParquet } from './text.ts'

/** Chunks on their way at once, each with its own connection: while Postgres merges one, the next is read and sent. */
const width = 2

/**
 * Reads a text from one end to the other and commits chunk after chunk. The ledger says where to go on: after a crash, a
 * hand-over to the next invocation, or when another delivery of the same message was faster.
 */
export async function loadSequence(deps: LoadChunkDeps, load: PlannedLoad, dataset: Dataset, job: ChunkJob, stint: Stint): Promise<void> {
  let place: ChunkPlace = { chunk: job.chunk, part: job.part ?? 0 }
  const rest = () => passOn(deps, load, { ...place, mode: 'sequence' }, stint)
  await orSmaller(
    stint,
    async () => {
      for (;;) {
        const before = await skipCommitted(deps, load, place)
        if (before) place = placeAfter(before)
        if (before?.last) return deps.finishLoad(load.id)
        if (before?.more) stint.pace.found(before.received)
        const outcome = await loadFrom(deps, load, dataset, before, stint)
        if (outcome.kind === 'ended') return deps.finishLoad(load.id)
        place = outcome.next
        if (outcome.kind === 'out-of-time') return rest()
      }
    },
    rest,
  )
}

/** Shows what is committed from a place on, and returns the last of it before the work that is left. */
async function skipCommitted(deps: LoadChunkDeps, load: PlannedLoad, { chunk, part }: ChunkPlace): Promise<ChunkResult | undefined> {
  let before: ChunkResult | undefined
  if (part > 0) before = await showParts(deps, load, { chunk, part: part - 1 })
  else if (chunk > 0) before = (await deps.committedParts(load.id, chunk - 1, 0)).at(-1)
  for (;;) {
    const committed = await showParts(deps, load, before ? placeAfter(before) : { chunk: 0, part: 0 })
    if (!committed) return before
    before = committed
  }
}

type Outcome = { readonly kind: 'ended' } | { readonly kind: 'out-of-time' | 'overtaken'; readonly next: ChunkPlace }

/**
 * Commits chunks from the first uncommitted one on, `width` at a time. Rows are read strictly one chunk after the other; only
 * their commits overlap, and where the order of rows matters `CommitTickets` keeps it. Whatever happens, it ends when nothing is under way.
 */
async function loadFrom(
  deps: LoadChunkDeps,
  load: PlannedLoad,
  dataset: Dataset,
  before: ChunkResult | undefined,
  stint: Stint,
): Promise<Outcome> {
  const first: ChunkPlace = before ? placeAfter(before) : { chunk: 0, part: 0 }
  const reader =
    load.format === 'parquet'
      ? inOrder(await deps.openParquet(load, dataset))
      : new SequenceReader(deps.openText, load, dataset, (await deps.committedParts(load.id, first.chunk + 1, 0))[0])
  const tickets = chunksCommute(dataset) ? undefined : new CommitTickets()
  const underWay = new Set<Promise<boolean>>()
  let failed = false
  /** A chunk was committed already, by somebody else or by a try whose answer was lost: nobody has shown it yet. */
  let overtaken = false
  /** The outcome, once all that is under way is committed; where one was overtaken the ledger must be looked at again. */
  const settled = async (outcome: Outcome): Promise<Outcome> => {
    await Promise.all(underWay)
    return overtaken ? { kind: 'overtaken', next: first } : outcome
  }

  /** @returns false when it was committed by somebody else, or before */
  const commit = async (place: ChunkPlace, from: ChunkPosition | undefined, onRead: (read: ChunkRead) => void): Promise<boolean> => {
    const ticket = tickets?.take()
    let committed = false
    try {
      const part = stint.pace.begin(stint.untilGivenUp)
      const read = reader.chunk(place, from, part.quota, onRead)
      const result = await deps.commitChunk(load, dataset, place, read, ticket ?? anyOrder, stint.untilGivenUp)
      committed = true
      if (!result) return false
      part.committed(result.received)
      await deps.projectChunk(load, result)
      return true
    } finally {
      ticket?.end(committed)
    }
  }

  try {
    let position: ChunkPosition | undefined = before
    let place = first
    for (;;) {
      // Where rows are slow, two chunks at once would only share the time.
      if (failed || underWay.size >= (stint.pace.rows === undefined ? width : 1)) await Promise.race(underWay)
      if (overtaken || !stint.hasTime) return await settled({ kind: 'out-of-time', next: place })
      const read = Promise.withResolvers<ChunkRead>()
      const [here, from] = [place, position]
      const job = stint.timed(() => commit(here, from, read.resolve))
      underWay.add(job)
      // One that failed stays: whoever waits next gets its error, and nothing more is begun.
      job.then(
        (ours) => {
          underWay.delete(job)
          overtaken ||= !ours
        },
        () => {
          failed = true
        },
      )
      const next = await Promise.race([read.promise, job])
      if (typeof next === 'boolean') return await settled({ kind: 'overtaken', next: first })
      if (next.last) return await settled({ kind: 'ended' })
      // Where a part ends is settled only by its commit: nothing that begins there may be committed before it.
      if (next.more) await Promise.all([job, ...underWay])
      position = next
      place = placeAfter({ ...place, ...(next.more && { more: next.more }) })
    }
  } finally {
    await Promise.allSettled(underWay)
    await reader.close()
  }
}

/** A Parquet file needs no reader that goes on: any of its chunks can be read by itself. */
const inOrder = (file: Awaited<ReturnType<OpenParquet>>): Pick<SequenceReader, 'chunk' | 'close'> => ({
  chunk: ({ chunk, part }, from, quota, onRead) => {
    let first: ChunkRead | undefined
    return async (sink, lead) => {
      // Read again, it ends where it ended: the next part has begun there.
      const again = first && { rows: first.received, isOver: () => false }
      const read = await file.chunk(chunk, part > 0 ? from : undefined, again ? () => again : quota)(sink, lead)
      first ??= read
      onRead(first)
      return { ...read, ...(first.more && { more: first.more }), last: first.last }
    }
  },
  close: async () => undefined,
})
