import { type BatchRows, refusedRow } from '#core/batches/batch-rows.ts'
import { type BatchLoad, rejectsKey } from '#core/loads/load.ts'
import type { Bucket } from './bucket.ts'
import { rejectFile } from './reject-file.ts'

/** Stores the rows that the door refused as the rejects of chunk 0, with their lines in the body. Again it stores the same. */
export const storeRefused =
  ({ client, name }: Bucket) =>
  async (load: BatchLoad, batch: Pick<BatchRows, 'text' | 'refused'>): Promise<void> => {
    const file = rejectFile(client, name, rejectsKey(load, 0))
    try {
      for (const row of batch.refused) {
        file.add(row.refusal, refusedRow(batch, row))
        await file.flush()
      }
      await file.finish()
    } catch (error) {
      await file.abort()
      throw error
    }
  }
