import type { EnvelopeRows } from '#core/batches/envelope-rows.ts'
import type { OrderPlace } from '#core/batches/order.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { copyInto } from './copy.ts'
import type { Connection } from './database.ts'
import { stagingColumns, stagingTable } from './sql/identifier.ts'
import { hasNewerChunk } from './sql/newer-chunk.ts'
import { type StagedOver, stagedOver } from './sql/staged-over.ts'
import { takeStaging } from './take-staging.ts'

const none: StagedOver = { rows: 0, keys: [] }

/**
 * What staged rows would put over rows that may be newer. It never says too little: a key that is not in the table is safe, and so is a chunk after
 * which nothing of its lane was committed; all else counts, because no row knows which chunk wrote it.
 */
export async function olderRows(db: Connection, dataset: Dataset, slot: number, place: OrderPlace): Promise<StagedOver> {
  return (await hasNewerChunk(db, dataset.name, place)) ? stagedOver(db, dataset, slot) : none
}

/** The same for rows that are not staged yet: they are, and the transaction is taken back. */
export async function wouldPutOver(db: Connection, dataset: Dataset, place: OrderPlace, { read }: EnvelopeRows): Promise<StagedOver> {
  if (!(await hasNewerChunk(db, dataset.name, place))) return none
  await db.query('BEGIN')
  try {
    const slot = await takeStaging(db, dataset)
    const table = stagingTable(dataset.name, slot)
    const copy = copyInto(db, table, [...stagingColumns, ...Object.keys(dataset.columns)])
    try {
      await read({ write: copy.write, refuse: () => undefined, flush: async () => undefined }, true, 0)
      await copy.finish()
    } catch (error) {
      await copy.abort()
      throw error
    }
    return await stagedOver(db, dataset, slot)
  } finally {
    await db.query('ROLLBACK')
  }
}
