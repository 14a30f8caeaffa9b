import type { Dataset } from '#core/dataset.ts'
import { type Refusal, refuse } from '#core/reject.ts'
import type { Connection } from './database.ts'
import { verdictOn } from './retry.ts'
import { insertMissing } from './sql/insert-missing.ts'
import { type Merged, mergeRows } from './sql/merge-rows.ts'
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
 */
export async function mergeStaged(
  db: Connection,
  dataset: Dataset,
  lane: number,
  lines: number,
  onRefused: (row: RefusedRow) => void,
): Promise<Merged> {
  const merge = async (from: number, to: number): Promise<Merged> => {
    const whole = await attempt(db, () => mergeRows(db, dataset, lane, from, to))
    if ('done' in whole) return whole.done
    if (to - from > 1) {
      const middle = Math.floor((from + to) / 2)
      return sum(await merge(from, middle), await merge(middle, to))
    }
    onRefused({ ...(await readStagedRow(db, dataset, lane, from)), refusal: refusalOf(whole.refused) })
    return { inserted: 0, updated: 0 }
  }
  if (dataset.onConflict === 'ignore') {
    const missing = await attempt(db, () => insertMissing(db, dataset, lane))
    if ('done' in missing) return { inserted: missing.done, updated: 0 }
  }
  return merge(1, lines + 1)
}

const sum = (a: Merged, b: Merged): Merged => ({ inserted: a.inserted + b.inserted, updated: a.updated + b.updated })

/** Runs a statement under a savepoint: done, or taken back because Postgres refuses a row. Other errors are thrown. */
async function attempt<T>(db: Connection, work: () => Promise<T>): Promise<{ done: T } | { refused: unknown }> {
  await db.query('SAVEPOINT merge')
  try {
    const done = await work()
    await db.query('RELEASE SAVEPOINT merge')
    return { done }
  } catch (refused) {
    if (verdictOn(refused) !== 'reject') throw refused
    await db.query('ROLLBACK TO SAVEPOINT merge; RELEASE SAVEPOINT merge')
    return { refused }
  }
}

function refusalOf(error: unknown): Refusal {
  const { message, code, column, constraint } = error as { message: string; code: string; column?: string; constraint?: string }
  return refuse(`sqlstate-${code}`, column ?? null, constraint ? `${message} (constraint ${constraint})` : message)
}
