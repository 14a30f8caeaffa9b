import type { Connection } from '#platform/postgres/database.ts'
import type { Transaction } from './claim-chunk.ts'

/**
 * Ends the statement that a transaction is at, from another connection of the same role; nothing when the transaction is over, or is committed
 * and waits for its standby: a cancel would end that wait, and show rows that a failover may lose. RDS Proxy takes no
 * cancel requests of the protocol: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html#rds-proxy.limits-postgres
 */
export async function cancelTransaction(db: Connection, { backend, xid }: Transaction): Promise<void> {
  await db.query(
    `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
     WHERE pid = $1 AND backend_xid = $2::xid8::xid AND wait_event IS DISTINCT FROM 'SyncRep'`,
    [backend, xid],
  )
}
