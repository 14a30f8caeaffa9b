import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database of its own for one test file, dropped at the end. */
export interface ScratchDatabase extends AsyncDisposable {
  readonly url: string
  connect(): Promise<pg.Client>
}

/** @throws when DATABASE_URL does not name a Postgres that the tests may use: `npm test` starts one */
export async function scratchDatabase(): Promise<ScratchDatabase> {
  const server = process.env.DATABASE_URL
  if (!server) throw new Error('DATABASE_URL is not set: run the tests with `npm test -- --only pg`, which starts a Postgres')
  const name = `scratch_${randomBytes(6).toString('hex')}`
  await run(server, `CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = name
  const open = new Set<pg.Client>()
  return {
    url: url.href,
    async connect() {
      const client = new pg.Client({ connectionString: url.href })
      client.on('error', () => undefined)
      await client.connect()
      open.add(client)
      return client
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...open].map((c) => c.end().catch(() => undefined)))
      await run(server, `DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
