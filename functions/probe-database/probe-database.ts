import { type Breaker, guardedConnections } from '#platform/postgres/breaker.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { isOutage } from '#platform/postgres/retry.ts'
import { takesWrites } from '#platform/postgres/sql/takes-writes.ts'

/** Who looks at the database when nobody else does. */
export interface Sightings {
  /** True for the one who may look now. */
  readonly takeTurn: () => Promise<boolean>
  /** Notes that somebody has looked. */
  readonly note: () => Promise<void>
}

/**
 * Looks whether the database gives a connection and takes writes, and opens or closes the breaker accordingly: for an idle system, in which nobody else would
 * notice either. One look at a time, each over a connection of its own: one that was kept would not show that there are no others.
 */
export const createProbeDatabase =
  (connect: () => Promise<Connection>, breaker: Breaker, { takeTurn, note }: Sightings) =>
  async (): Promise<void> => {
    if (!(await takeTurn())) return
    try {
      await guardedConnections(
        connect,
        breaker,
      )(async (db) => {
        try {
          if (!(await takesWrites(db))) throw Object.assign(new Error('the server takes no writes'), { code: '25006' })
        } finally {
          await db.end().catch(() => undefined)
        }
      })
    } catch (error) {
      // That it is away is an answer; of anything else nobody knows what it means.
      if (!isOutage(error)) throw error
    }
    await note()
  }
