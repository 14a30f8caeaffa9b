import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '#platform/postgres/database.ts'

/** Milliseconds: the first wait for a free slot, which doubles, the longest of them, and all of them together. */
const [firstWait, longestWait, patience] = [5, 200, 30_000]

/**
 * Takes one of the dataset's staging tables for this transaction, by a row lock: it is free again at commit, rollback or
 * when the connection dies. (An advisory lock would pin an RDS Proxy session.) When all are taken it asks again until one is free: waiting for
 * one of them would be waiting for whoever has it, and that may be a later chunk of the same load, which waits for this one.
 * @throws SlotError when none becomes free
 */
export async function claimSlot(db: Connection, dataset: string): Promise<number> {
  const began = performance.now()
  for (let wait = firstWait; ; wait = Math.min(2 * wait, longestWait)) {
    const { rows } = await db.query(
      'SELECT slot FROM millrace.staging_slot WHERE dataset = $1 ORDER BY slot FOR UPDATE SKIP LOCKED LIMIT 1',
      [dataset],
    )
    if (rows.length > 0) return rows[0].slot as number
    const { rowCount } = await db.query('SELECT FROM millrace.staging_slot WHERE dataset = $1 LIMIT 1', [dataset])
    if (rowCount === 0) throw new Error(`dataset "${dataset}" has no staging tables: run the migrations`)
    if (performance.now() - began > patience) throw new SlotError(`no staging table of dataset "${dataset}" became free`)
    await sleep(wait * (0.5 + Math.random() / 2))
  }
}

/** As Postgres says it of an object in use: the chunk is tried again, and lets go of what others wait for. It is no trouble of the dataset's table. */
class SlotError extends Error {
  readonly code = '55006'
}
