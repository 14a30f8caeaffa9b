import type { OrderPlace } from '#core/batches/order.ts'
import type { Connection } from '#platform/postgres/database.ts'

/**
 * Whether anything that was accepted after this chunk is in the dataset's table, in its lane. What is not known to be in another lane counts: a batch
 * that was dealt to another number of lanes. So does every chunk of a file that was committed since: files know no lanes, and no order.
 */
export async function hasNewerChunk(db: Connection, dataset: string, place: OrderPlace): Promise<boolean> {
  const { load, chunk, position, lane, lanes, arrivedAt } = place
  const { rows } = await db.query(
    `SELECT EXISTS (
         SELECT FROM millrace.ledger WHERE dataset = $1 AND position > $2::numeric AND position IS NOT NULL
           AND (lanes = $4 AND lane <> $3) IS NOT TRUE AND (load, chunk) IS DISTINCT FROM ($5, $6))
       OR EXISTS (SELECT FROM millrace.ledger WHERE dataset = $1 AND position IS NULL AND committed_at > $7::timestamptz - ${skew}
           AND (load, chunk) IS DISTINCT FROM ($5, $6)) AS newer`,
    [dataset, position, lane ?? null, lanes ?? null, load, chunk, arrivedAt],
  )
  return rows[0].newer as boolean
}

/** Whether anything of another load was committed to the dataset's table since. */
export async function hasCommitsSince(db: Connection, dataset: string, load: string, since: string): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT EXISTS (SELECT FROM millrace.ledger WHERE dataset = $1 AND load <> $2 AND committed_at > $3::timestamptz - ${skew}) AS newer`,
    [dataset, load, since],
  )
  return rows[0].newer as boolean
}

/** The stream, the functions and the door have clocks of their own. */
const skew = `interval '5 minutes'`
