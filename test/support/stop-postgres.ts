import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { identify, waitForEnd } from '../../localstack/processes.ts'

/**
 * Stops the Postgres behind a pool as an operator would (fast shutdown).
 * @returns starts it again, the same server on the same data; undefined when its process is not to be seen from here
 */
export async function stopPostgresOf(database: Pool): Promise<(() => Promise<void>) | undefined> {
  if (process.platform !== 'linux') return undefined
  const { rows } = await database.query<{ data_directory: string }>('SHOW data_directory')
  const data = rows[0]!.data_directory
  let pid: number
  try {
    pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return undefined
  }
  const server = identify(pid)
  if (!server) return undefined
  const [command = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  const { uid, gid } = statSync(`/proc/${pid}`)
  process.kill(pid, 'SIGINT')
  if (!(await waitForEnd(server, 30_000))) throw new Error('Postgres does not stop')
  return async () => {
    const owner = process.getuid?.() === 0 ? { uid, gid } : {}
    spawn(command, args, {
      ...owner,
      cwd: '/',
      detached: true,
      stdio: 'ignore',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    }).unref()
    while (!(await database.query('SELECT 1').then(Boolean, () => false))) await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
