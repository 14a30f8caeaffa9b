import type { Quota } from '#core/reading/read-rows.ts'

/** Rows that a chunk is taken to have whose try was cut off before anybody could count them; the text of a usual one has fewer. */
const usualRows = 200_000
/** A try that was cut off is followed by one with so much less, and a quick one by one with at most so much more. */
const factor = 8
/** Share of the time there is that a part should take: what it was judged by may be wrong by as much. */
const share = 4

/**
 * How many rows can be committed in the time there is, from how long those before them took. Nothing is bounded until a part takes long: a chunk is
 * then committed whole, in one transaction.
 */
export class Pace {
  #rows: number | undefined
  readonly #open = new Map<number, number>()
  #parts = 0

  /** @param rows that the first part should have at most; undefined where nothing is known */
  constructor(rows?: number) {
    this.#rows = rows
  }

  /** Most rows of the next part; undefined: any number. */
  get rows(): number | undefined {
    return this.#rows
  }

  /** Learns from a part that another process committed. */
  found(rows: number): void {
    this.#rows ??= Math.max(1, rows)
  }

  /**
   * What the next part may have. Its reading stops when a share of the time is over, too: Postgres may still have to merge the rows, or to run their triggers.
   * @param timeLeft milliseconds until the part is given up
   */
  begin(timeLeft: () => number): { readonly quota: () => Quota; readonly committed: (rows: number) => void } {
    const part = this.#parts++
    const rows = this.#rows ?? Number.POSITIVE_INFINITY
    const available = timeLeft()
    this.#open.set(part, 0)
    return {
      // Begun anew when the rows must be read again.
      quota: () => {
        const last = timeLeft() * (1 - 1 / share)
        return {
          rows,
          isOver: (received) => {
            this.#open.set(part, received)
            return received > 0 && timeLeft() < last
          },
        }
      },
      committed: (received) => {
        this.#open.delete(part)
        this.learn(received, available - timeLeft(), available)
      },
    }
  }

  /**
   * Makes the next part smaller than those that were just cut off.
   * @param tried rows of the largest of them; left out: as many as were read
   * @returns false when nothing smaller is left, or nothing was read: what takes the time are not the rows
   */
  cutOff(tried: number = Math.max(0, ...this.#open.values())): boolean {
    this.#open.clear()
    if (tried <= 1) return false
    this.#rows = Math.max(1, Math.floor(tried / factor))
    return true
  }

  /** @param available milliseconds, of which the rows `took` so many */
  learn(rows: number, took: number, available: number): void {
    if (rows === 0 || (this.#rows === undefined && took * share * 2 < available)) return
    const fitting = (rows / Math.max(1, took)) * (available / share)
    this.#rows = Math.max(1, Math.floor(Math.min(rows * factor, fitting)))
  }
}

/**
 * Most rows of the first part of a message that was received before: whoever had it may have been killed without a word.
 * @param received how often the message was received
 */
export function rowsOfTry(rows: number | undefined, received: number): number | undefined {
  if (received <= 1) return rows
  return Math.max(1, Math.floor((rows ?? usualRows) / factor ** (received - 1)))
}

/** Milliseconds that are kept of an invocation's time to end what is under way on the server and to queue the rest. */
const endTime = 5000

/** When the work of an invocation must be given up: `endTime` before its time is over, of a short one a fourth of it. */
export function untilGivenUp(timeLeft: () => number): () => number {
  const kept = Math.min(endTime, timeLeft() / 4)
  return () => timeLeft() - kept
}
