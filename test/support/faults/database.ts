import pg from 'pg'
import type { Connection } from '#platform/postgres/database.ts'

/** When a connection dies: the two moments that matter are on either side of COMMIT. */
export type Moment = 'statement' | 'before-commit' | 'after-commit'

/** @param dies asked before every statement, and at both sides of every COMMIT */
export function fallibleConnector(url: string, isAway: () => boolean, dies: (moment: Moment) => boolean): () => Promise<Connection> {
  return async () => {
    if (isAway()) throw lost()
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    const cut = (): never => {
      // What the server had not committed it rolls back; the client cannot know which it was.
      ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
      throw lost()
    }
    const fallible = (...args: unknown[]): unknown => {
      const commits = args[0] === 'COMMIT'
      if (isAway() || dies(commits ? 'before-commit' : 'statement')) return typeof args[0] === 'string' ? rejected(cut) : cut()
      const answer = query(...args)
      return commits && dies('after-commit') ? (answer as Promise<unknown>).then(cut) : answer
    }
    client.query = fallible as typeof client.query
    return client
  }
}

const rejected = (cut: () => never): Promise<never> => new Promise(cut)
const lost = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
