import type { Dataset } from '#core/dataset/dataset.ts'
import { type AccountingError, LoadError } from '#core/errors.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import type { Announced, ManyCommitted, RecordPorts } from './ports.ts'
import { type RecordChunk, recordChunk } from './record-chunk.ts'
import { setAsideAndFail } from './set-aside-and-fail.ts'
import { type Committed, showCommitted } from './show-committed.ts'

/** Chunks at fault for which a transaction is done again without them; when there are more, each chunk is committed by itself, which costs less. */
const mostFaults = 3

type Redeliver = (record: StreamRecord, error: unknown) => void

/** Commits chunks of a dataset in one transaction, in their order. */
export type CommitTogether = (chunks: readonly RecordChunk[]) => Promise<ManyCommitted>

/**
 * Commits records of one dataset in one transaction and shows what became of them. A chunk that can never be loaded is set aside, and the others are
 * committed without it.
 * @returns false when a record must come again: no later one of the dataset may then be committed
 */
export async function loadTogether(
  deps: RecordPorts,
  dataset: Dataset,
  records: readonly Announced[],
  commit: CommitTogether,
  redeliver: Redeliver,
): Promise<boolean> {
  const round = new Round(deps, commit, redeliver)
  const stopped = dataset.limits.maxRejects === undefined ? new Set<string>() : await round.stoppedLoads(records)
  if (!stopped) return false
  const isStopped = ({ header }: Announced): boolean => stopped.has(header.load)
  for (const one of records.filter(isStopped)) await round.showIfCommitted(one)
  await round.commit(records.filter((one) => !isStopped(one)).map((one) => recordChunk(one, dataset)))
  let shown = true
  await showCommitted(deps, dataset, round.committed, (record, error) => {
    shown = false
    redeliver(record, error)
  })
  return round.whole && shown
}

/** The records of one transaction, and what became of them so far. */
class Round {
  readonly committed: Committed[] = []
  /** False once a record must come again. */
  whole = true
  readonly #deps: RecordPorts
  readonly #commit: CommitTogether
  readonly #redeliver: Redeliver

  constructor(deps: RecordPorts, commit: CommitTogether, redeliver: Redeliver) {
    this.#deps = deps
    this.#commit = commit
    this.#redeliver = redeliver
  }

  /** The loads that were stopped for their rejects: their chunks are not begun any more. Undefined when that could not be found out. */
  async stoppedLoads(records: readonly Announced[]): Promise<ReadonlySet<string> | undefined> {
    const ids = [...new Set(records.map(({ header }) => header.load))]
    try {
      const loads = await Promise.all(ids.map(this.#deps.getLoad))
      return new Set(loads.flatMap((load) => (load?.problem?.code === 'too-many-rejects' ? [load.id] : [])))
    } catch (error) {
      this.#fail(records[0]!.record, error)
      return undefined
    }
  }

  /** A chunk that was cut off between commit and projection comes again after its load was stopped: what the table has is shown all the same. */
  async showIfCommitted(chunk: Announced): Promise<void> {
    await this.#attempt(chunk.record, async () => {
      const result = await this.#deps.committedChunk(chunk.header.load, chunk.header.chunk)
      if (result) this.committed.push({ chunk, result })
    })
  }

  async commit(chunks: readonly RecordChunk[]): Promise<void> {
    let faults = 0
    for (let open = chunks; open.length > 0; ) {
      const outcome = await this.#tryCommit(open)
      if (outcome === undefined) return
      if (outcome.kind === 'one-by-one' || (outcome.kind === 'at-fault' && ++faults > mostFaults)) {
        for (const chunk of open) if (this.whole) await this.commit([chunk])
        return
      }
      if (outcome.kind === 'committed') {
        for (const [i, { result, before }] of outcome.results.entries()) await this.#take(open[i]!, result, before)
        return
      }
      const { at, error } = outcome
      const chunk = open[at]!
      // A load that is stopped for its rejects ends here, and its rows with it: they are not lost by accident.
      const isStopped = error instanceof LoadError && error.problem.code === 'too-many-rejects'
      const gone = await this.#attempt(chunk.record, () =>
        isStopped ? this.#deps.failLoad(chunk.header.load, error) : setAsideAndFail(this.#deps, chunk.record, chunk.header, error),
      )
      open = gone ? open.toSpliced(at, 1) : open.slice(0, at)
    }
  }

  async #tryCommit(chunks: readonly RecordChunk[]): Promise<ManyCommitted | undefined> {
    try {
      return await this.#commit(chunks)
    } catch (error) {
      this.#fail(chunks[0]!.record, error)
      return undefined
    }
  }

  /** What the ledger had before must be the same chunk. */
  async #take(chunk: RecordChunk, result: ChunkResult, before: boolean): Promise<void> {
    if (before && !isSame(chunk, result)) await this.#setAsideAndFail(chunk, conflict(chunk))
    else this.committed.push({ chunk, result })
  }

  #setAsideAndFail({ record, header }: Announced, fault: LoadError | AccountingError): Promise<boolean> {
    return this.#attempt(record, () => setAsideAndFail(this.#deps, record, header, fault))
  }

  /** False when it did not succeed: the record must come again. */
  async #attempt(record: StreamRecord, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#fail(record, error)
      return false
    }
  }

  #fail(record: StreamRecord, error: unknown): void {
    this.whole = false
    this.#redeliver(record, error)
  }
}

const isSame = ({ header }: RecordChunk, result: ChunkResult): boolean =>
  header.crc32 === result.crc32 && header.start === result.sourceStart && header.start + header.size === result.sourceEnd

const conflict = ({ header }: RecordChunk): LoadError =>
  new LoadError('chunk-conflict', `Chunk ${header.chunk} of ${header.load} is committed already, with a text that is not this one.`)
