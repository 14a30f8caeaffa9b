import { type Cargo, kindOf, placesOf } from './cargo.ts'
import { noSums, type Sums, withRow } from './rejects.ts'
import { type FullRow, fullRow } from './written.ts'

/** A part of a chunk as the ledger has it. `finished` grows in the order of commits. */
export interface CommittedPart {
  readonly chunk: number
  readonly part: number
  readonly received: number
  readonly finished: number
}

/** One file that was sent: its load, and what was committed of it in the order of the text. */
export interface SentFile {
  readonly cargo: Cargo
  readonly load: string
  readonly parts: readonly CommittedPart[]
  /** Numbers of rows behind which each part ends. */
  readonly ends: readonly number[]
}

export function sentFile(cargo: Cargo, load: string, parts: readonly CommittedPart[]): SentFile {
  let end = 0
  return { cargo, load, parts, ends: parts.map(({ received }) => (end += received)) }
}

/** Keys that are named; there may be thousands of one cause. */
const mostNamed = 5

/** What a file's receipt must say. */
export interface Tally {
  loaded: number
  updated: number
  duplicate: number
  rejected: Sums
}

interface Candidate {
  readonly file: number
  readonly n: number
  readonly copy: number
  /** When its part was committed; undefined when no part has it. */
  readonly finished: number | undefined
}

/**
 * What must be in one table, by the rules that its dataset declares. With `ignore` the first row of a key that was
 * committed stays, with `update` the
 * last, with a version the greatest. Keys are asked for in order and worked out one by one: nothing is held but the
 * list of files and their parts.
 */
export class Model {
  readonly tallies: readonly Tally[]
  /**
   * Keys whose rows were committed in another order than their file has them, where the last must win. A few of them.
   */
  readonly broken: string[] = []
  readonly #files: readonly SentFile[]
  readonly #policy: 'ignore' | 'update' | 'version'
  readonly #seed: number
  readonly #refusedEvery: number
  /** By file: those that send keys of it again. */
  readonly #again: readonly (readonly number[])[]
  #at = 0

  constructor(files: readonly SentFile[], policy: 'ignore' | 'update' | 'version', seed: number, refusedEvery: number) {
    this.#files = files
    this.#policy = policy
    this.#seed = seed
    this.#refusedEvery = refusedEvery
    this.tallies = files.map(() => ({ loaded: 0, updated: 0, duplicate: 0, rejected: noSums }))
    this.#again = files.map(({ cargo: { first, fresh } }) =>
      files.flatMap(({ cargo: { again } }, i) => (again && again.from < first + fresh && first < again.from + again.count ? [i] : [])),
    )
  }

  /** All rows that must be there, in the order of their keys. */
  *expected(): Generator<FullRow> {
    for (this.#at = 0; this.#at < this.#files.length; this.#at++) {
      const { first, fresh } = this.#files[this.#at]!.cargo
      for (let id = first; id < first + fresh; id++) {
        const row = this.#expectedAt(id)
        if (row) yield row
      }
    }
  }

  #expectedAt(id: number): FullRow | undefined {
    const candidates = [this.#at, ...this.#again[this.#at]!].flatMap((file) => this.#candidatesIn(file, id))
    if (kindOf(id, this.#refusedEvery) !== 'good') {
      for (const { file, n } of candidates) this.tallies[file]!.rejected = withRow(this.tallies[file]!.rejected, n)
      return undefined
    }
    const { file, n, copy } = this.#settle(id, candidates)
    return fullRow(this.#seed, this.#files[file]!.cargo, id, copy, n)
  }

  #candidatesIn(file: number, id: number): Candidate[] {
    const { cargo, parts, ends } = this.#files[file]!
    return placesOf(cargo, id).map(({ n, copy }) => ({ file, n, copy, finished: parts[partOf(ends, n)]?.finished }))
  }

  /**
   * Takes a key's rows in the order in which they were committed, and counts what became of each.
   * @returns the one that stays
   */
  #settle(id: number, candidates: Candidate[]): Candidate {
    if (candidates.length > 1)
      candidates.sort((a, b) => (a.finished ?? Infinity) - (b.finished ?? Infinity) || a.file - b.file || a.n - b.n)
    if (this.#policy === 'update') this.#demandOrder(id, candidates)
    const [first, ...later] = candidates as [Candidate, ...Candidate[]]
    if (this.#policy === 'version') return this.#settleVersions(id, candidates)
    this.tallies[first.file]!.loaded++
    for (const { file } of later) this.tallies[file]![this.#policy === 'ignore' ? 'duplicate' : 'updated']++
    return this.#policy === 'ignore' ? first : (later.at(-1) ?? first)
  }

  /** Chunks may overtake each other only where they have no key in common. */
  #demandOrder(id: number, candidates: readonly Candidate[]): void {
    for (let i = 1; i < candidates.length; i++) {
      const { file, n } = candidates[i]!
      const overtaken = candidates.slice(0, i).some((other) => other.file === file && other.n > n)
      if (overtaken && this.broken.length < mostNamed)
        this.broken.push(`load ${this.#files[file]!.load}: rows of key ${id} are out of order`)
    }
  }

  /**
   * Of the rows of one transaction only the newest is written, if it is newer than what is there; the others are
   * duplicates.
   */
  #settleVersions(id: number, candidates: readonly Candidate[]): Candidate {
    const revision = ({ file, copy, n }: Candidate): number => fullRow(this.#seed, this.#files[file]!.cargo, id, copy, n).rev
    let kept: Candidate | undefined
    for (let i = 0; i < candidates.length; ) {
      let best = candidates[i]!
      const { finished } = best
      const tally = this.tallies[best.file]!
      let rows = 0
      for (; i < candidates.length && candidates[i]!.finished === finished; i++, rows++)
        if (revision(candidates[i]!) > revision(best)) best = candidates[i]!
      if (!kept) tally.loaded++
      else if (revision(best) > revision(kept)) tally.updated++
      else tally.duplicate++
      tally.duplicate += rows - 1
      if (!kept || revision(best) > revision(kept)) kept = best
    }
    return kept!
  }
}

/** Which part has the row with this number. */
function partOf(ends: readonly number[], n: number): number {
  let [low, high] = [0, ends.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ends[middle]! > n) high = middle
    else low = middle + 1
  }
  return low
}
