import type { Announced } from './ports.ts'

/** What one transaction takes at most: texts are held in memory, and a transaction that fails is done again whole. */
const mostBytes = 32 * 1024 * 1024
const mostChunks = 1000

/** Cuts records of one dataset, in their order, into what is committed together. */
export function transactionsOf(group: readonly Announced[]): Announced[][] {
  const parts: Announced[][] = []
  const ids = new Set<string>()
  let bytes = 0
  for (const one of group) {
    const last = parts.at(-1)
    const { load, chunk, replay, size } = one.header
    const id = `${load}/${chunk}`
    bytes += size
    // A chunk that is sent again goes alone: what is committed before it must be in the table when it is compared.
    const alone = replay !== undefined || last?.at(-1)?.header.replay !== undefined
    // One that stands in the stream twice begins a transaction, in its place: if the first was loaded, the ledger says so by then.
    if (!last || alone || ids.has(id) || last.length >= mostChunks || bytes > mostBytes) {
      parts.push([])
      ids.clear()
      bytes = size
    }
    parts.at(-1)!.push(one)
    ids.add(id)
  }
  return parts
}
