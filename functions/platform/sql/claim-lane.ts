import type { Connection } from '../database.ts'

/**
 * Takes one of the dataset's staging tables for this transaction, by a row lock: it is free again at commit, rollback or
 * when the connection dies. (An advisory lock would pin an RDS Proxy session.) When all are taken it waits for one.
 */
export async function claimLane(db: Connection, dataset: string): Promise<number> {
  const free = await db.query('SELECT lane FROM millrace.lane WHERE dataset = $1 ORDER BY lane FOR UPDATE SKIP LOCKED LIMIT 1', [dataset])
  const { rows } = free.rowCount
    ? free
    : await db.query('SELECT lane FROM millrace.lane WHERE dataset = $1 ORDER BY random() LIMIT 1 FOR UPDATE', [dataset])
  if (rows.length === 0) throw new Error(`dataset "${dataset}" has no staging tables: run the migrations`)
  return rows[0].lane as number
}
