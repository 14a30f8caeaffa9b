import type pg from 'pg'
import { copyHeader, copyTrailer } from '#core/values/copy-writer.ts'
import type { Connection } from './database.ts'
import { identifier } from './sql/identifier.ts'

/** A COPY under way: bytes go in with backpressure, and success means that the database said so. */
export interface Copy {
  /** Resolves when the bytes have left the process and may be overwritten. Rejects when Postgres has refused. One call at a time. */
  write(bytes: Uint8Array): Promise<void>
  /** @returns how many rows Postgres took */
  finish(): Promise<number>
  /** Tells Postgres to forget the rows and waits until it has; the transaction is then aborted. */
  abort(): Promise<void>
}

export function copyInto(connection: Connection, table: string, columns: readonly string[]): Copy {
  const copy = connection.query(new CopyIn(`COPY ${table} (${columns.map(identifier).join(', ')}) FROM STDIN (FORMAT binary)`))
  let begun = false
  return {
    async write(bytes) {
      if (!begun) await copy.send(copyHeader)
      begun = true
      await copy.send(bytes)
    },
    async finish() {
      if (!begun) await copy.send(copyHeader)
      await copy.send(copyTrailer)
      await copy.say(message.done)
      return copy.ended
    },
    async abort() {
      await copy.say(message.fail).catch(() => undefined)
      await copy.ended.catch(() => undefined)
    },
  }
}

/** https://www.postgresql.org/docs/18/protocol-message-formats.html: a letter, then the length with itself but without the letter. */
const message = {
  data: (length: number): Buffer => {
    const head = Buffer.from([0x64, 0, 0, 0, 0])
    head.writeUInt32BE(length + 4, 1)
    return head
  },
  done: Buffer.from([0x63, 0, 0, 0, 4]),
  fail: Buffer.from([0x66, 0, 0, 0, 5, 0]),
}

/**
 * COPY FROM STDIN as the client of `pg` runs it. Unlike a stream it tells when the bytes have left: a loader then fills the same buffer again, and
 * V8 has no garbage to collect (the buffers of pg-copy-streams made it look for some 40 times in 1,500,000 flights, half of the loader's processor time).
 */
class CopyIn implements pg.Submittable {
  readonly #sql: string
  #connection: pg.Connection | undefined
  readonly #ready = Promise.withResolvers<pg.Connection>()
  readonly #ended = Promise.withResolvers<number>()
  #rows = 0
  #failure: Error | undefined
  /** Tells the bytes that are on their way that they are refused. */
  #refuse: (error: Error) => void = () => undefined

  constructor(sql: string) {
    this.#sql = sql
    // Whoever waits gets the error; nobody may be waiting at the moment it comes.
    this.#ready.promise.catch(() => undefined)
    this.#ended.promise.catch(() => undefined)
  }

  /** The rows that Postgres took, when it says so. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  /** Resolves when the socket has taken the bytes. A socket that fails tells the client of `pg`, and that `handleError`. */
  async send(bytes: Uint8Array): Promise<void> {
    const { stream } = await this.#ready.promise
    if (this.#failure) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      this.#refuse = reject
      stream.cork()
      stream.write(message.data(bytes.length))
      stream.write(bytes, (error) => error || resolve())
      stream.uncork()
    })
  }

  async say(whole: Buffer): Promise<void> {
    const { stream } = await this.#ready.promise
    if (!this.#failure) stream.write(whole)
  }

  submit(connection: pg.Connection): void {
    this.#connection = connection
    connection.query(this.#sql)
  }
  handleCopyInResponse(): void {
    this.#ready.resolve(this.#connection!)
  }
  handleCommandComplete({ text }: { text: string }): void {
    this.#rows = Number(/^COPY (\d+)$/.exec(text)?.[1])
  }
  handleReadyForQuery(): void {
    this.#ended.resolve(this.#rows)
  }
  handleError(error: Error): void {
    this.#failure = error
    this.#ready.reject(error)
    this.#ended.reject(error)
    this.#refuse(error)
  }
}
