import pg from 'pg'
import type { Connection } from '#platform/postgres/database.ts'
import { type Process, ServiceFailure } from './process.ts'

/** What a statement is for, by how it begins. Others are no steps: they come between two that are. */
const steps: readonly (readonly [RegExp, string])[] = [
  [/^BEGIN/, 'begin'],
  [/^COMMIT$/, 'commit'],
  [/^INSERT INTO millrace\.ledger/, 'claim'],
  [/^UPDATE millrace\.ledger/, 'account'],
  [/^\s*SELECT[^;]*FROM millrace\.ledger/s, 'read ledger'],
  [/^SELECT lane FROM millrace\.lane/, 'take staging'],
  [/^\s*(WITH|INSERT INTO "?public|UPDATE "?public)/, 'merge'],
]
const stepOf = (statement: unknown): string | undefined =>
  typeof statement === 'string' ? steps.find(([pattern]) => pattern.test(statement))?.[1] : 'open copy'

const lost = (code: string): Error => Object.assign(new Error(`read ${code}`), { code })

/** Real connections to a real Postgres, which die where the list says so. */
export function fallibleConnections(process: Process): () => Promise<Connection> {
  const { world } = process
  return async () => {
    process.alive()
    const fault = process.fault('connect')
    if (fault === 'dies before') process.die()
    if (fault === 'database away') world.takeDatabaseAway(process.invocation.load)
    if (process.databaseIsAway) throw lost('ECONNREFUSED')
    const client = new pg.Client({ connectionString: world.database })
    client.on('error', () => undefined)
    await client.connect()
    process.sockets.add(client)
    client.on('end', () => process.sockets.delete(client))
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    client.query = ((...args: unknown[]) => ask(process, query, args)) as typeof client.query
    return client
  }
}

function ask(process: Process, query: (...args: unknown[]) => unknown, args: unknown[]): unknown {
  const name = stepOf(args[0])
  if (name === 'commit' && process.world.skipsCommit()) args[0] = 'ROLLBACK'
  try {
    process.alive()
    const fault = name && process.fault(name)
    before(process, fault)
    const answer = query(...args)
    if (fault !== 'connection lost after' && fault !== 'dies after') return answer
    return (answer as Promise<unknown>).then(() => {
      if (fault === 'dies after') process.die()
      process.cutConnections()
      throw lost('ECONNRESET')
    })
  } catch (error) {
    // A COPY is handed over, not waited for.
    if (typeof args[0] === 'string') return Promise.reject(error)
    throw error
  }
}

/** What happens in place of the work of a step that needs the database. */
export function before(process: Process, fault: string | undefined): void {
  if (fault === 'dies before') process.die()
  if (fault === 'database away') process.world.takeDatabaseAway(process.invocation.load)
  if (fault === 'connection lost before') process.cutConnections()
  if (fault === 'database away' || fault === 'connection lost before') throw lost('ECONNRESET')
  if (fault === 'fails') throw new ServiceFailure('the service does not answer')
}
