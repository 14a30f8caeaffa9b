/** A column or key that a dataset does not declare and passes over, and how many rows had it. */
interface IgnoredName {
  readonly name: string
  readonly rows: number
}

/**
 * What a dataset with `unknownColumns: 'ignore'` passed over, of rows that went to Postgres: a row that is rejected
 * before is kept whole in its reject. All of it together is exact, in whatever order chunks are added up, and while
 * `others` is 0 so is every name; else a name may have stood in more rows than it says, and never in fewer.
 */
export interface Ignored {
  /** The most frequent names, cut after 63 characters, most frequent first. */
  readonly byName: readonly IgnoredName[]
  /** How often names were passed over that are not listed: a row with two of them counts twice. */
  readonly others: number
}

export const nothingIgnored: Ignored = { byName: [], others: 0 }

/** Names that are listed: they bound the ledger row and the load's item in DynamoDB (400 KB), whatever rows have. */
export const mostIgnored = 50
/** Names of one chunk that are told apart while it is read, the first ones: whoever sends rows chooses them. */
const mostCounted = 1000
/** Characters of a name that are kept. */
const longest = 63

/** Counts what is passed over while a chunk is read. */
export class IgnoredTally {
  readonly #rows = new Map<string, number>()
  #others = 0

  /** @param rows that have the name */
  add(name: string, rows = 1): void {
    const before = this.#rows.get(name)
    if (before !== undefined) this.#rows.set(name, before + rows)
    else this.#addShown(shown(name), rows)
  }

  #addShown(name: string, rows: number): void {
    const before = this.#rows.get(name)
    if (before === undefined && this.#rows.size >= mostCounted) this.#others += rows
    else this.#rows.set(name, (before ?? 0) + rows)
  }

  addAll({ byName, others }: Ignored): void {
    for (const { name, rows } of byName) this.add(name, rows)
    this.#others += others
  }

  /** Undefined when nothing was passed over. */
  get sums(): Ignored | undefined {
    if (this.#rows.size === 0) return undefined
    const all = Array.from(this.#rows, ([name, rows]) => ({ name, rows })).sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1))
    const others = all.slice(mostIgnored).reduce((sum, { rows }) => sum + rows, this.#others)
    return { byName: all.slice(0, mostIgnored), others }
  }
}

/** What two chunks, or many, passed over. */
export function addIgnored(a: Ignored | undefined, b: Ignored | undefined): Ignored | undefined {
  const tally = new IgnoredTally()
  for (const each of [a, b]) if (each) tally.addAll(each)
  return tally.sums
}

/** What is passed over of rows that all have the same names. */
export function ignoredInAll(names: readonly string[], rows: number): Ignored | undefined {
  const tally = new IgnoredTally()
  if (rows > 0) for (const name of names) tally.add(name, rows)
  return tally.sums
}

/** jsonb takes neither NUL nor half a surrogate pair, and no terminal should get control characters. */
const shown = (name: string): string =>
  (name.length > longest ? `${name.slice(0, longest)}…` : name).toWellFormed().replace(/\p{Cc}/gu, '\ufffd')
