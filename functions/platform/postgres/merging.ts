import type { Refusal } from '#core/values/reject.ts'
import type { StagedPart, StagedPlace } from './sql/staged-once.ts'
import type { StagedRow } from './sql/take-staged.ts'

/** A row that only Postgres could judge, as the staging table has it. */
interface RefusedRow extends StagedRow {
  readonly refusal: Refusal
}
export type OnRefused = (row: RefusedRow) => Promise<void>

/** How staged rows get into the table, and how it is counted what became of them. */
export interface Merging<Count> {
  /** All staged rows, by the cheapest statements there are; undefined where there are none. Fails with 23505 when somebody else was faster. */
  readonly plain: (() => Promise<Count>) | undefined
  /** What rows are told apart by, and the range in which all of them are. */
  readonly place: StagedPlace
  readonly whole: StagedPart
  /** The staged rows of a part of that range. */
  readonly rows: (part: StagedPart) => Promise<Count>
  readonly none: Count
  readonly sum: (a: Count, b: Count) => Count
  /** Rows that were inserted or updated. */
  readonly written: (count: Count) => number
}
