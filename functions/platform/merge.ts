import type { Dataset } from '#core/dataset.ts'
import { type Refusal, refuse } from '#core/reject.ts'
import type { Connection } from './database.ts'
import { verdictOn } from './retry.ts'
import { mergeRows } from './sql/merge-rows.ts'
import { readStagedRow } from './sql/read-staged-row.ts'

/** A row that only Postgres could judge, as the staging table has it. */
export interface RefusedRow {
  readonly refusal: Refusal
  readonly line: number
  readonly offset: number
  readonly json: string
}

/**
 * Merges the staged rows of lines [1, lines]. When Postgres refuses the whole because of a row (CHECK, foreign key, trigger),
 * the rows are halved under savepoints until the row is alone: O(bad rows × log rows) merges, and its neighbours load.
 * @returns how many rows were new
 */
export async function mergeStaged(
  db: Connection,
  dataset: Dataset,
  lane: number,
  lines: number,
  onRefused: (row: RefusedRow) => void,
): Promise<number> {
  const merge = async (from: number, to: number): Promise<number> => {
    await db.query('SAVEPOINT merge')
    try {
      const inserted = await mergeRows(db, dataset, lane, from, to)
      await db.query('RELEASE SAVEPOINT merge')
      return inserted
    } catch (error) {
      if (verdictOn(error) !== 'reject') throw error
      await db.query('ROLLBACK TO SAVEPOINT merge; RELEASE SAVEPOINT merge')
      if (to - from > 1) {
        const middle = Math.floor((from + to) / 2)
        return (await merge(from, middle)) + (await merge(middle, to))
      }
      const row = await readStagedRow(db, dataset, lane, from)
      onRefused({ ...row, refusal: refusalOf(error) })
      return 0
    }
  }
  return merge(1, lines + 1)
}

function refusalOf(error: unknown): Refusal {
  const { message, code, column, constraint } = error as { message: string; code: string; column?: string; constraint?: string }
  return refuse(`sqlstate-${code}`, column ?? null, constraint ? `${message} (constraint ${constraint})` : message)
}
