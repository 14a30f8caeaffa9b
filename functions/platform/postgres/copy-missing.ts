import type { Dataset } from '#core/dataset/dataset.ts'
import { KeyedRows, type RowKey } from '#core/rows/keyed-rows.ts'
import { type Copy, copyInto } from './copy.ts'
import type { Connection } from './database.ts'
import { targetTable } from './sql/identifier.ts'
import { presentKeys } from './sql/present-keys.ts'

/** Bytes of rows whose keys are looked up at once: many enough that the look costs little, few enough to hold two of them. */
const batchBytes = 4 * 1024 * 1024
const writeBytes = 256 * 1024

/** A COPY that leaves out the rows whose key is in the table, or came before. */
export interface CopyMissing extends Copy {
  /** Rows that were left out. */
  readonly left: number
}

/**
 * While Postgres takes one batch the next is gathered. A key that somebody else inserts between look and COPY fails it with 23505.
 * @param onLeft told the number of each row that is left out, among all that were written, from 0 and in order
 */
export function copyMissing(db: Connection, dataset: Dataset, key: RowKey, onLeft?: (row: number) => void): CopyMissing {
  const columns = Object.keys(dataset.columns)
  let [gathering, next] = [new KeyedRows(key, columns.length), new KeyedRows(key, columns.length)]
  let underWay = Promise.resolve()
  let copied = 0
  let left = 0
  let before = 0

  const pass = async (rows: KeyedRows): Promise<void> => {
    if (rows.rows === 0) return
    const present = await presentKeys(db, dataset, key, rows.keys())
    if (present) rows.leaveOut(present)
    const first = before
    before += rows.rows
    const taken = rows.take(onLeft && ((row) => onLeft(first + row)))
    left += taken.left
    if (taken.kept.length === 0) return
    const copy = copyInto(db, targetTable(dataset.name), columns)
    try {
      for (let at = 0; at < taken.kept.length; at += writeBytes) await copy.write(taken.kept.subarray(at, at + writeBytes))
      copied += await copy.finish()
    } catch (error) {
      await copy.abort()
      throw error
    }
  }
  const send = async (): Promise<void> => {
    await underWay
    underWay = pass(gathering)
    // Whoever writes next gets the error.
    underWay.catch(() => undefined)
    ;[gathering, next] = [next, gathering]
  }
  return {
    get left() {
      return left
    },
    async write(bytes) {
      gathering.add(bytes)
      if (gathering.length >= batchBytes) await send()
    },
    async finish() {
      await send()
      await underWay
      return copied
    },
    abort: () => underWay.catch(() => undefined),
  }
}
