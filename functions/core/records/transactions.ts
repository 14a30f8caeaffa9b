import type { Announced } from './ports.ts'

/** What one transaction takes at most: texts are held in memory, and a transaction that fails is done again whole. */
const mostBytes = 32 * 1024 * 1024
const mostChunks = 1000

/**
 * How many of the records, from the first on, are committed together: at least one.
 * @param mostRows that the dataset's table takes in the time there is; undefined: any number
 */
export function takenTogether(records: readonly Announced[], mostRows = Number.POSITIVE_INFINITY): number {
  const ids = new Set<string>()
  let [bytes, rows] = [0, 0]
  for (const [n, { header }] of records.entries()) {
    const id = `${header.load}/${header.chunk}`
    bytes += header.size
    rows += header.rows
    // A chunk that is sent again goes alone: what is committed before it must be in the table when it is compared.
    const alone = header.replay !== undefined || records[0]!.header.replay !== undefined
    // One that stands in the stream twice begins a transaction, in its place: if the first was loaded, the ledger says so by then.
    if (n > 0 && (alone || ids.has(id) || n >= mostChunks || bytes > mostBytes || rows > mostRows)) return n
    ids.add(id)
  }
  return records.length
}
