/**
 * What one file has: rows of keys of its own, some of them several times, and before them keys of an earlier file once
 * more.
 */
export interface Cargo {
  /** Number of the file, from 1: its rows say it in `src`. */
  readonly number: number
  readonly dataset: string
  /** Keys that no file before had: [first, first + fresh). */
  readonly first: number
  readonly fresh: number
  /** Keys of an earlier file of the dataset, [from, from + count), in the same order. */
  readonly again: { readonly from: number; readonly count: number } | undefined
}

/** A row of a file. `copy` 0 is the first of its key in the file; later ones say something else. */
export interface Row {
  readonly id: number
  readonly copy: number
}

/** Which keys come several times, and which have rows that nobody can read. Primes, so that they meet in every way. */
const [nearEvery, nearAt] = [97, 13]
const [farEvery, farAt] = [211, 5]
const [unreadableEvery, unreadableAt] = [499, 7]
/** Keys after which their second copies follow. */
const stretch = 1000

const isNear = (id: number): boolean => id % nearEvery === nearAt
const isFar = (id: number): boolean => id % farEvery === farAt
/** How many of the numbers below `n` are `at` modulo `every`. */
const below = (n: number, every: number, at: number): number => (n <= at ? 0 : Math.floor((n - at - 1) / every) + 1)
/** How many of the keys [from, to) come near by once more, and far away. */
const nears = (from: number, to: number): number => below(to, nearEvery, nearAt) - below(from, nearEvery, nearAt)
const fars = (from: number, to: number): number => below(to, farEvery, farAt) - below(from, farEvery, farAt)

/** Which rows cannot be stored: the reader refuses them, or Postgres does. */
export type Kind = 'good' | 'unreadable' | 'refused'

/**
 * All rows of a key are alike in this. Those that Postgres refuses come once in a file: of several in one transaction
 * it would get to see the last alone.
 * @param refusedEvery one in so many keys has them
 */
export function kindOf(id: number, refusedEvery: number): Kind {
  if (id % unreadableEvery === unreadableAt) return 'unreadable'
  return id % refusedEvery === 6 && !isNear(id) && !isFar(id) ? 'refused' : 'good'
}

export const rowsOf = ({ first, fresh, again }: Cargo): number =>
  (again?.count ?? 0) + fresh + nears(first, first + fresh) + fars(first, first + fresh)

/** All rows in the order of the file. */
export function* rowsIn({ first, fresh, again }: Cargo): Generator<Row> {
  for (let i = 0; again && i < again.count; i++) yield { id: again.from + i, copy: 0 }
  const end = first + fresh
  for (let from = first; from < end; from += stretch) {
    const to = Math.min(from + stretch, end)
    for (let id = from; id < to; id++) yield { id, copy: 0 }
    for (let id = from; id < to; id++) if (isNear(id)) yield { id, copy: 1 }
  }
  for (let id = first; id < end; id++) if (isFar(id)) yield { id, copy: 2 }
}

/**
 * Where a key's rows stand in the file, counted from 0, in the order of the file; nothing when the file does not have
 * the key.
 */
export function placesOf({ first, fresh, again }: Cargo, id: number): { readonly n: number; readonly copy: number }[] {
  if (again && id >= again.from && id < again.from + again.count) return [{ n: id - again.from, copy: 0 }]
  const end = first + fresh
  if (id < first || id >= end) return []
  const before = again?.count ?? 0
  const from = id - ((id - first) % stretch)
  const found = [{ n: before + id - first + nears(first, from), copy: 0 }]
  if (isNear(id)) found.push({ n: before + Math.min(from + stretch, end) - first + nears(first, id), copy: 1 })
  if (isFar(id)) found.push({ n: before + fresh + nears(first, end) + fars(first, id), copy: 2 })
  return found
}
