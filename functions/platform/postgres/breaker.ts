import pg from 'pg'
import { log } from '#platform/log.ts'
import { count } from '#platform/metrics.ts'
import { type Connection, keptConnections } from './database.ts'
import { isOutage } from './retry.ts'
import { takesWrites } from './sql/takes-writes.ts'

/**
 * What all loaders and consumers know of the database together. While it is away only one of them tries a connection, once in a while: a server that
 * comes back must not be met by everybody at once. (Circuit breaker: M. Nygard, Release It!, 2nd edition, chapter 5.)
 */
export interface Breaker {
  /** When the database went away, ISO 8601; undefined while it is there. */
  readonly openSince: () => Promise<string | undefined>
  /** Notes that the database is away. The first to say so sets the time. */
  readonly open: () => Promise<void>
  /** True for the one who may try a connection now. */
  readonly takeProbe: () => Promise<boolean>
  readonly close: () => Promise<void>
}

/** The database is away, for all that is known. Told as SQLSTATE 08006, connection failure. */
export class DatabaseAway extends Error {
  readonly code = '08006'
  /** ISO 8601. */
  readonly since: string
  /** True when it went away while the work had a transaction under way, which may be what brought it down. */
  inWork = false

  constructor(since: string, cause?: unknown) {
    super(`the database does not answer since ${since}${cause instanceof Error ? `: ${cause.message}` : ''}`, { cause })
    this.since = since
  }
}

/**
 * Connections kept between invocations, none of which is opened while the database is away but by the one whose turn it is.
 * Whatever the server says to somebody who wants to connect, it is not there for him.
 * @throws DatabaseAway when there is no connection to be had; whatever the work throws otherwise
 */
export function guardedConnections(connect: () => Promise<Connection>, breaker: Breaker): ReturnType<typeof keptConnections> {
  const { openSince, open, takeProbe, close } = quiet(breaker)
  const run = keptConnections(async () => {
    const since = await openSince()
    if (since !== undefined && !(await takeProbe())) throw new DatabaseAway(since)
    try {
      const connection = await connect()
      if (since === undefined) return connection
      await demandWriter(connection)
      await close()
      return connection
    } catch (error) {
      if (!isOutage(error) && !(error instanceof pg.DatabaseError)) throw error
      count('DatabaseAway')
      await open()
      throw new DatabaseAway(since ?? new Date().toISOString(), error)
    }
  })
  return async (work) => {
    try {
      return await run(work)
    } catch (error) {
      // A connection that broke may be the first sign: whoever connects next asks for the turn.
      if (isOutage(error) && !(error instanceof DatabaseAway)) await open()
      throw error
    }
  }
}

/** A server that takes connections may still be the one that was the writer before a failover: it is not back. Closes the connection then. */
async function demandWriter(connection: Connection): Promise<void> {
  try {
    if (await takesWrites(connection)) return
    throw Object.assign(new Error('the server takes no writes'), { code: '25006' })
  } catch (error) {
    await connection.end().catch(() => undefined)
    throw error
  }
}

/** A breaker that cannot be asked is a closed one: it spares the database, and must not take its place as what fails. */
function quiet(breaker: Breaker): Breaker {
  const or = async <T>(asked: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await asked
    } catch (error) {
      log.warn('the state of the database could not be read or noted', { error: error as Error })
      return otherwise
    }
  }
  return {
    openSince: () => or(breaker.openSince(), undefined),
    open: () => or(breaker.open(), undefined),
    takeProbe: () => or(breaker.takeProbe(), true),
    close: () => or(breaker.close(), undefined),
  }
}
