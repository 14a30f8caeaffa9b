import { once } from 'node:events'
import { from } from 'pg-copy-streams'
import { copyHeader, copyTrailer } from '#core/copy-writer.ts'
import type { Connection } from './database.ts'
import { identifier } from './sql/identifier.ts'

/** A COPY under way: bytes go in with backpressure, and success means that the database said so. */
export interface Copy {
  /** Resolves when there is room for more. Rejects when Postgres has refused. */
  write(bytes: Uint8Array): Promise<void>
  /** @returns how many rows Postgres took */
  finish(): Promise<number>
  /** Tells Postgres to forget the rows and waits until it has; the transaction is then aborted. */
  abort(): Promise<void>
}

export function copyInto(connection: Connection, table: string, columns: readonly string[]): Copy {
  const stream = connection.query(from(`COPY ${table} (${columns.map(identifier).join(', ')}) FROM STDIN (FORMAT binary)`))
  let failure: unknown
  const finished = once(stream, 'finish')
  // Whoever waits gets the error; nobody may be waiting at the moment it comes.
  finished.catch((error) => {
    failure = error
  })
  stream.write(copyHeader)
  return {
    async write(bytes) {
      if (failure) throw failure
      if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), finished])
    },
    async finish() {
      if (failure) throw failure
      stream.end(copyTrailer)
      await finished
      return stream.rowCount
    },
    async abort() {
      if (failure) return
      stream.destroy()
      await finished.catch(() => undefined)
    },
  }
}
