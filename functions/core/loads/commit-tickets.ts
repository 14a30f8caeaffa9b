/** The smallest and the largest key of a chunk's rows. */
export interface KeyRange {
  readonly first: bigint
  readonly last: bigint
}

/** A chunk's permission to touch the table while earlier chunks of its load are still being committed. */
export interface CommitTicket {
  /** True when the order does not matter: nothing ever waits, and nobody needs to know the keys. */
  readonly free: boolean
  /** Waits until every earlier chunk is committed. */
  alone(): Promise<void>
  /** Waits until every earlier chunk is committed or is known to touch other keys. */
  among(keys: KeyRange | undefined): Promise<void>
}

/** For chunks that may be committed in any order. */
export const anyOrder: CommitTicket = { free: true, alone: async () => undefined, among: async () => undefined }

/**
 * Keeps the order of the chunks of one load where the last row of a key must win, and lets chunks go side by side where their keys
 * cannot meet: a file sorted by its key loads on several connections at once.
 */
export class CommitTickets {
  readonly #open = new Set<Place>()

  /** The next chunk's ticket. `end` must be called, whatever becomes of it: with false, no later chunk that could meet it goes on. */
  take(): CommitTicket & { end(committed: boolean): void } {
    const earlier = [...this.#open]
    const place = new Place()
    this.#open.add(place)
    return {
      free: false,
      alone: () => waitFor(earlier.map((e) => e.ended)),
      among: (keys) => {
        place.know(keys)
        return waitFor(earlier.map((e) => e.clearOf(keys)))
      },
      end: (committed) => {
        this.#open.delete(place)
        place.end(committed)
      },
    }
  }
}

class Place {
  readonly #ended = Promise.withResolvers<boolean>()
  readonly #keys = Promise.withResolvers<KeyRange | undefined>()

  /** True when the chunk was committed. */
  get ended(): Promise<boolean> {
    return this.#ended.promise
  }
  know(keys: KeyRange | undefined): void {
    this.#keys.resolve(keys)
  }
  end(committed: boolean): void {
    this.#keys.resolve(undefined)
    this.#ended.resolve(committed)
  }
  async clearOf(keys: KeyRange | undefined): Promise<boolean> {
    const mine = await this.#keys.promise
    return (mine && keys && (mine.last < keys.first || keys.last < mine.first)) || this.ended
  }
}

async function waitFor(earlier: readonly Promise<boolean>[]): Promise<void> {
  if (!(await Promise.all(earlier)).every(Boolean)) throw new Error('an earlier chunk of the load failed; this one must come after it')
}
