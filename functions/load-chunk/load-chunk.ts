import type { Dataset } from '#core/dataset/dataset.ts'
import type { MaxRejects } from '#core/dataset/max-rejects.ts'
import { LoadError } from '#core/errors.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import { isPlanned, type Load, type PlannedLoad, placeAfter } from '#core/loads/load.ts'
import { rowsOfTry } from '#core/loads/pace.ts'
import { demandFewRejects } from '#core/rejects/max-rejects.ts'
import { findChunkEdges } from './edges.ts'
import type { LoadChunkDeps } from './ports.ts'
import { loadRange } from './range.ts'
import { loadSequence } from './sequence.ts'
import { Stint, showParts } from './stint.ts'

/**
 * @param timeLeft milliseconds until the function is stopped
 * @param received how often the message was received, with this time
 */
export type LoadChunk = (job: ChunkJob, timeLeft: () => number, received?: number) => Promise<void>

/**
 * Loads one chunk (`range`) or chunk after chunk (`sequence`), each in its own transaction, or where that takes too long in several, and shows the results in the load; or finds out where
 * the rows of a chunk begin (`edges`).
 * A load that can never succeed is ended here. While the database is away the job goes back to the queue as a new message, which has no receives yet;
 * every other failure is thrown, and the queue delivers again.
 */
export function createLoadChunk(world: LoadChunkDeps): LoadChunk {
  /** Rows of datasets, by name, that fit into one transaction. */
  const slow = new Map<string, number | undefined>()
  return async (job, timeLeft, received = 1) => {
    const load = await world.getLoad(job.load)
    if (!load) return
    try {
      await handle(world, slow, job, load, timeLeft, received)
    } catch (error) {
      const away = world.away(error)
      const interruptions = (job.interruptions ?? 0) + (away?.inWork ? 1 : 0)
      if (!away || interruptions > mostInterruptions) throw await noted(world, load, error)
      await waitForDatabase(world, interruptions > 0 ? { ...job, interruptions } : job, load, away.since)
    }
  }
}

/** @param slow rows of datasets, by name, that this process has found to fit into one transaction, where it is fewer than a chunk may have */
async function handle(
  world: LoadChunkDeps,
  slow: Map<string, number | undefined>,
  job: ChunkJob,
  load: Load,
  timeLeft: () => number,
  received: number,
): Promise<void> {
  if (load.state === 'failed') return showCommitted(world, load, job)
  if (load.state !== 'loading' || !isPlanned(load)) return
  const deps = load.maxRejects === undefined ? world : { ...world, projectChunk: projectAndJudge(world, load.maxRejects) }
  try {
    const dataset = deps.findDataset(load.dataset)
    if (!dataset) throw new LoadError('dataset-not-found', `This deployment has no dataset "${load.dataset}" any more.`)
    const stint = new Stint(timeLeft, rowsOfTry(job.rows ?? slow.get(dataset.name), received))
    try {
      await work(deps, job, load, dataset, stint)
    } finally {
      slow.set(dataset.name, stint.pace.rows)
    }
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    await deps.failLoad(load.id, error)
  }
}

/**
 * A database that goes away under the same chunk so often is brought down by it: a row that crashes the server, or fills its memory. It is then no outage to
 * wait out. The message uses up its receives, and the load ends with `dead-letter`.
 */
const mostInterruptions = 8

/** Seconds after which a job that waits for the database comes back: at random, so that they do not all come at once. */
const waitingDelay = { least: 1, most: 3 }

/** Gives the loader's place to other work. @param since ISO 8601 */
async function waitForDatabase(deps: LoadChunkDeps, job: ChunkJob, load: Load, since: string): Promise<void> {
  // The breaker may be open since long before: nobody worked, and so nobody closed it.
  const began = Math.max(Date.parse(since), Date.parse(load.startedAt ?? load.createdAt))
  if (deps.now() - began > deps.patience)
    return deps.failLoad(
      load.id,
      new LoadError(
        'database-unavailable',
        `The database did not answer since ${since}, longer than this deployment waits. What was committed before is counted. ` +
          'Replay the load once the database is back: it goes on where it stopped.',
      ),
    )
  const detail = 'The database does not answer. The load goes on by itself when it does.'
  await deps.noteWaiting(load.id, { code: 'database-unavailable', detail, since })
  const { least, most } = waitingDelay
  await deps.sendChunks([job], load.traceparent, least + Math.floor(Math.random() * (most - least + 1)))
}

/** Characters of an error that are kept. */
const longestReason = 300

/** An error with a code, of Postgres or the socket, by that alone: its message may quote a row. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const reason = 'code' in error ? `${error.name} ${String(error.code)}` : `${error.name}: ${error.message}`
  return reason.slice(0, longestReason).toWellFormed()
}

/** Says in the load why a try failed; the error itself goes on. */
async function noted(deps: LoadChunkDeps, load: Load, error: unknown): Promise<unknown> {
  const detail = `A try failed, and the next one comes by itself: ${reasonOf(error)}`
  await deps.noteWaiting(load.id, { code: 'retrying', detail, since: new Date(deps.now()).toISOString() }).catch(() => undefined)
  return error
}

function work(deps: LoadChunkDeps, job: ChunkJob, load: PlannedLoad, dataset: Dataset, stint: Stint): Promise<void> {
  switch (job.mode) {
    case 'range':
      return loadRange(deps, load, dataset, job, stint)
    case 'edges':
      return findChunkEdges(deps, load, dataset, job.chunk)
    case 'sequence':
      return loadSequence(deps, load, dataset, job, stint)
  }
}

/**
 * Shows a chunk in its load, and stops the load when its chunks together have more rejects than it takes. Chunks that have not begun are then
 * never begun; those under way may still be committed, and are counted.
 */
const projectAndJudge =
  ({ projectChunk, getLoad }: LoadChunkDeps, max: MaxRejects): LoadChunkDeps['projectChunk'] =>
  async (load, result) => {
    await projectChunk(load, result)
    const now = await getLoad(load.id)
    if (now) demandFewRejects(max, now)
  }

/** Work that was cut off between commit and projection comes again after its load was stopped: what the table has is shown all the same. */
async function showCommitted(deps: LoadChunkDeps, load: Load, { chunk, part = 0, mode }: ChunkJob): Promise<void> {
  if (mode === 'edges') return
  let committed = await showParts(deps, load, { chunk, part })
  while (committed && mode === 'sequence') committed = await showParts(deps, load, placeAfter(committed))
}
