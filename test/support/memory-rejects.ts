import type { Reject } from '#core/rejects/reject.ts'
import { rejectOf } from '#core/rejects/reject-row.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'

/** A reject as a chunk's reject file has it: its line is known, within the chunk. */
export type StoredReject = Reject & { readonly line: number }

/** A chunk's reject file in memory, stored when it is finished; with no rejects there is none. */
export function memoryRejects(store: (rows: readonly StoredReject[]) => void): RejectFile {
  const rows: StoredReject[] = []
  return {
    get count() {
      return rows.length
    },
    add: (refusal, row) => void rows.push({ ...rejectOf(refusal, row), line: row.line }),
    flush: async () => undefined,
    finish: async () => void (rows.length > 0 && store(rows)),
    abort: async () => undefined,
  }
}
