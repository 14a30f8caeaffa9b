import type { Dataset } from '#core/dataset/dataset.ts'
import { attempt, refusalOf } from './attempt.ts'
import type { Connection } from './database.ts'
import type { Merging, OnRefused } from './merging.ts'
import type { StagedPart } from './sql/staged-once.ts'
import { pagesOfStaged, placesOfPage } from './sql/staged-pages.ts'
import { takenAtOnce, takeStaged } from './sql/take-staged.ts'

/**
 * Merges the staged rows: all of them, or where Postgres refuses one each half by itself, until those that it refuses stand alone. They are cut at the pages of
 * the staging table, and only within a page by their places: a part is then read without the rest of the table, which has no index.
 */
export class Halving<Count> {
  readonly #db: Connection
  readonly #dataset: Dataset
  readonly #slot: number
  readonly #merging: Merging<Count>
  readonly #onRefused: OnRefused

  constructor(db: Connection, dataset: Dataset, slot: number, merging: Merging<Count>, onRefused: OnRefused) {
    this.#db = db
    this.#dataset = dataset
    this.#slot = slot
    this.#merging = merging
    this.#onRefused = onRefused
  }

  async all(): Promise<Count> {
    const pages = await pagesOfStaged(this.#db, this.#dataset, this.#slot)
    const { from, to } = this.#merging.whole
    return this.#halve(
      [0, pages.length],
      (first, end) => ({ from, to, pages: [pages[first]!, pages[end - 1]! + 1] }),
      (at) => this.#page(pages[at]!),
    )
  }

  async #page(page: number): Promise<Count> {
    const places = await placesOfPage(this.#db, this.#dataset, this.#slot, this.#merging.place, page)
    return this.#halve(
      [0, places.length],
      (first, end) => ({ from: places[first]!, to: places[end - 1]! + 1, pages: [page, page + 1] }),
      (at, refused) => this.#refuse(page, places[at]!, refused),
    )
  }

  /** @param single what to do about a cut that is refused by itself */
  async #halve(
    [first, end]: readonly [number, number],
    partOf: (first: number, end: number) => StagedPart,
    single: (at: number, refused: unknown) => Promise<Count>,
  ): Promise<Count> {
    const { rows, none, sum } = this.#merging
    if (first === end) return none
    const outcome = await attempt(this.#db, () => rows(partOf(first, end)))
    if ('done' in outcome) return outcome.done
    if (end - first === 1) return single(first, outcome.refused)
    const middle = Math.floor((first + end) / 2)
    const left = await this.#halve([first, middle], partOf, single)
    return sum(left, await this.#halve([middle, end], partOf, single))
  }

  async #refuse(page: number, at: number, refused: unknown): Promise<Count> {
    const { place, none } = this.#merging
    const condition = `staged.${place} = ${at} AND staged.ctid >= '(${page},0)' AND staged.ctid < '(${page + 1},0)'`
    const refusal = refusalOf(refused)
    for (const row of await takeStaged(this.#db, this.#dataset, this.#slot, condition, takenAtOnce))
      await this.#onRefused({ ...row, refusal })
    return none
  }
}
