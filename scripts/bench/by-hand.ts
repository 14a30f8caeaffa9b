import { spawn, spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import { connectionOf } from '../../localstack/database.ts'
import type { Run } from './figures.ts'

/** Of the system; not a dependency. */
const program = 'psql'

/** A statement, or the copy of a CSV file with a header into a table. */
export type Step = string | { readonly copy: string; readonly file: string }

/** What somebody would type, one transaction, timed from the start of the program to its end. */
export interface Hand {
  /** For the table's head. */
  readonly name: string
  run(steps: readonly Step[]): Promise<Run>
}

/** The system's psql; without one the same bytes over one connection. */
export function findHand(url: string): Hand {
  const version = spawnSync(program, ['--version'], { encoding: 'utf8' })
  if (version.status === 0) return { name: version.stdout.trim(), run: (steps) => timed(() => byPsql(url, steps)) }
  return {
    name: 'no psql here: COPY of the same bytes by pg-copy-streams stands in for it',
    run: (steps) => timed(() => byStream(url, steps)),
  }
}

async function timed(work: () => Promise<void>): Promise<Run> {
  const began = performance.now()
  await work()
  return { seconds: (performance.now() - began) / 1000 }
}

const csv = 'WITH (FORMAT csv, HEADER true)'

async function byPsql(url: string, steps: readonly Step[]): Promise<void> {
  const { host, port, dbname, username, password } = connectionOf(url)
  const commands = steps.map((step) => (typeof step === 'string' ? step : `\\copy ${step.copy} FROM '${step.file}' ${csv}`))
  const flags = ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-h', host, '-p', String(port), '-U', username, '-d', dbname]
  const psql = spawn(program, [...flags, ...commands.flatMap((command) => ['-c', command])], {
    env: { PATH: process.env.PATH, PGPASSWORD: password },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  psql.stderr.on('data', (text) => {
    said += text
  })
  const code = await new Promise((resolve, reject) => psql.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`psql failed: ${said.trim()}`)
}

async function byStream(url: string, steps: readonly Step[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('BEGIN')
    for (const step of steps)
      if (typeof step === 'string') await client.query(step)
      else await pipeline(createReadStream(step.file), client.query(from(`COPY ${step.copy} FROM STDIN ${csv}`)))
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}
