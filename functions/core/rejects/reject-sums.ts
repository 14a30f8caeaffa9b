import type { Refusal } from '#core/values/reject.ts'

/** Rejected rows that have one code and one column; without a column the row as a whole is at fault, or no declared column is. */
export interface RejectSum {
  readonly code: string
  readonly column: string | null
  readonly rows: number
}

/** Different sums of one chunk, and columns that are told apart: they bound the ledger row and the load's item in DynamoDB (400 KB). */
const mostSums = 100
const mostColumns = 200
/** Sums that a receipt lists. */
const mostListed = 20

/** Counts the rejects of one chunk. Names that the dataset has not are not told apart: whoever sends rows chooses them. */
export class RejectTally {
  readonly #columns: ReadonlySet<string>
  readonly #rows = new Map<string, number>()

  constructor(columns: readonly string[]) {
    this.#columns = new Set(columns.slice(0, mostColumns))
  }

  add({ code, column }: Refusal): void {
    this.#count(column !== null && this.#columns.has(column) ? `${code}/${column}` : code, 1)
  }

  /** The sums, most frequent first. Beyond the most that are kept, the rarest are counted under their codes alone. */
  get sums(): RejectSum[] {
    const sums = sorted(Array.from(this.#rows, ([key, rows]) => sumOf(key, rows)))
    if (sums.length <= mostSums) return sums
    const kept = new RejectTally([...this.#columns])
    for (const [i, { code, column, rows }] of sums.entries())
      kept.#count(i < mostSums && column !== null ? `${code}/${column}` : code, rows)
    return sorted(Array.from(kept.#rows, ([key, rows]) => sumOf(key, rows)))
  }

  #count(key: string, rows: number): void {
    this.#rows.set(key, (this.#rows.get(key) ?? 0) + rows)
  }
}

/** The sums of two parts of a chunk. */
export function addSums(a: readonly RejectSum[], b: readonly RejectSum[]): RejectSum[] {
  const rows = new Map<string, number>()
  for (const sum of [...a, ...b]) rows.set(attributeOf(sum), (rows.get(attributeOf(sum)) ?? 0) + sum.rows)
  return sorted(Array.from(rows, ([key, n]) => sumOf(key.slice(prefix.length), n)))
}

/** Attributes of a load's item: DynamoDB adds to numbers at the top of an item only. */
export type SumAttribute = `rejects/${string}`
export type SumAttributes = { readonly [attribute: SumAttribute]: number | undefined }
const prefix = 'rejects/'

export const attributeOf = ({ code, column }: RejectSum): SumAttribute => `${prefix}${code}${column === null ? '' : `/${column}`}`

/** A load's rejects by code and column: the most frequent, and how many rows the others are. */
export function listedSums(load: SumAttributes, rejected: number): { byCode: RejectSum[]; others: number } {
  const all = Object.entries(load).filter(([name]) => name.startsWith(prefix)) as [SumAttribute, number][]
  const byCode = sorted(all.map(([name, rows]) => sumOf(name.slice(prefix.length), rows))).slice(0, mostListed)
  return { byCode, others: byCode.reduce((rest, { rows }) => rest - rows, rejected) }
}

function sumOf(key: string, rows: number): RejectSum {
  const [code = '', column = null] = key.split('/')
  return { code, column, rows }
}

const sorted = (sums: RejectSum[]): RejectSum[] => sums.sort((a, b) => b.rows - a.rows || (attributeOf(a) < attributeOf(b) ? -1 : 1))
