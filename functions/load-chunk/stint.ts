import { OutOfTimeError } from '#core/errors.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import type { ChunkPlace, ChunkResult, PlannedLoad } from '#core/loads/load.ts'
import { Pace, untilGivenUp } from '#core/loads/pace.ts'
import type { LoadChunkDeps } from './ports.ts'

/** Milliseconds kept for handing over, on top of twice the slowest transaction so far. */
const handOverTime = 10_000

/** What one invocation has: its time, and how many rows it may commit at once. */
export class Stint {
  readonly pace: Pace
  /** Milliseconds until what is under way is given up. */
  readonly untilGivenUp: () => number
  readonly #timeLeft: () => number
  #begun = false
  #slowest = 0

  /** @param timeLeft milliseconds until the function is stopped */
  constructor(timeLeft: () => number, rows: number | undefined) {
    this.pace = new Pace(rows)
    this.untilGivenUp = untilGivenUp(timeLeft)
    this.#timeLeft = timeLeft
  }

  /** Does what one transaction takes, and notes how long it took. */
  async timed<T>(work: () => Promise<T>): Promise<T> {
    this.#begun = true
    const began = this.#timeLeft()
    const done = await work()
    this.#slowest = Math.max(this.#slowest, began - this.#timeLeft())
    return done
  }

  /** False when another transaction might not end in time. True for the first: a short time limit would else only pass the load on. */
  get hasTime(): boolean {
    return !this.#begun || this.#timeLeft() >= handOverTime + 2 * this.#slowest
  }
}

/** Puts what is left to another invocation, from a place on. */
export function passOn(
  { sendChunks }: Pick<LoadChunkDeps, 'sendChunks'>,
  load: PlannedLoad,
  job: Omit<ChunkJob, 'tenant' | 'load' | 'part' | 'rows'> & ChunkPlace,
  { pace: { rows } }: Stint,
): Promise<void> {
  const { part, ...rest } = job
  const message: ChunkJob = { tenant: load.tenant, load: load.id, ...rest }
  return sendChunks([{ ...message, ...(part > 0 && { part }), ...(rows !== undefined && { rows }) }], load.traceparent)
}

/**
 * What was cut off goes on in another invocation with fewer rows a transaction: never the same again, and so not without an end. Thrown again when
 * there are no fewer; the queue then delivers again, as for any other failure.
 */
export async function orSmaller(stint: Stint, work: () => Promise<void>, again: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof OutOfTimeError) || !stint.pace.cutOff()) throw error
    await again()
  }
}

/** Shows what is committed of a chunk, from a part on. @returns the last part of it */
export async function showParts(
  { committedParts, projectChunk }: Pick<LoadChunkDeps, 'committedParts' | 'projectChunk'>,
  load: Parameters<LoadChunkDeps['projectChunk']>[0],
  { chunk, part }: ChunkPlace,
): Promise<ChunkResult | undefined> {
  const parts = await committedParts(load.id, chunk, part)
  for (const result of parts) await projectChunk(load, result)
  return parts.at(-1)
}
