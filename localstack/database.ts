import { Client } from 'pg'
import { LocalFailure, messageOf } from './failure.ts'
import type { PostgresRecord } from './record.ts'

/** What the functions find in the secret whose ARN they are given. */
export interface Connection {
  readonly host: string
  readonly port: number
  readonly dbname: string
  readonly username: string
  readonly password: string
  readonly tls: boolean
}

export const databaseUrl = (postgres: Pick<PostgresRecord, 'port' | 'password'>, name: string): string =>
  `postgres://postgres:${postgres.password}@127.0.0.1:${postgres.port}/${name}`

/** @throws LocalFailure when the URL lacks what a connection needs. */
export function connectionOf(url: string): Connection {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol) || !parsed.hostname || !parsed.username)
    throw new LocalFailure('The database must be given as postgres://USER:PASSWORD@HOST:PORT/NAME.')
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || 5432),
    dbname: decodeURIComponent(parsed.pathname.slice(1)) || 'millrace',
    username: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    tls: ['require', 'verify-ca', 'verify-full'].includes(parsed.searchParams.get('sslmode') ?? ''),
  }
}

/** True when a connection can be made and used. */
export async function probe(url: string): Promise<boolean> {
  try {
    await withClient(url, (client) => client.query('SELECT 1'))
    return true
  } catch {
    return false
  }
}

/** Makes the database that the URL names, unless it is there. */
export async function createDatabase(url: string): Promise<void> {
  const { dbname } = connectionOf(url)
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  try {
    await withClient(maintenance.href, async (client) => {
      const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [dbname])
      if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(dbname)}`)
    })
  } catch (error) {
    if (await probe(url)) return // it is there; only the database "postgres" is closed to this user
    throw new LocalFailure(`The database "${dbname}" on ${maintenance.host} cannot be reached or made: ${messageOf(error)}`, {
      advice: 'check that Postgres runs there, and that the user may log in and create databases',
      cause: error,
    })
  }
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // a connection lost while idle; the next query tells
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end().catch(() => {})
  }
}
