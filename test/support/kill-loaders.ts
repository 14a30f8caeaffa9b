import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { processOfPort } from './peer-process.ts'

/**
 * Inserts a flight and does not commit it, so that loaders of the same one stand still inside their transactions with rows already sent, and kills the first
 * of them with SIGKILL. At the end the flight is taken back.
 * @param begin gives them work
 * @param again called after each kill, for work that would come back late by itself
 * @returns false when their processes are not to be seen from here
 */
export async function killLoaders(
  database: Pool,
  flight: number,
  count: number,
  begin: () => Promise<void>,
  again: () => Promise<void> = async () => undefined,
): Promise<boolean> {
  const db = await database.connect()
  try {
    await db.query('BEGIN')
    await db.query("INSERT INTO flights (id, date, delay, distance, origin, destination) VALUES ($1, now(), 1, 1, 'MCI', 'MDW')", [flight])
    await begin()
    const killed = new Set<number>()
    while (killed.size < count) {
      // Inside a transaction pg_stat_activity is what it was at the first look.
      await db.query('SELECT pg_stat_clear_snapshot()')
      const { rows } = await db.query<{ client_port: number }>(
        'SELECT client_port FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))',
      )
      const port = rows.map((row) => row.client_port).find((port) => !killed.has(port))
      if (port === undefined) {
        await sleep(20)
        continue
      }
      const pid = processOfPort(port)
      if (pid === undefined) return false
      process.kill(pid, 'SIGKILL')
      killed.add(port)
      // Its backend waits for the lock and has not heard of the death: without it the next loader stands still where we can see it.
      await db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_port = $1', [port])
      await again()
    }
    return true
  } finally {
    await db.query('ROLLBACK')
    db.release()
  }
}
