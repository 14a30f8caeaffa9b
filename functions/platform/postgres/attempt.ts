import { type Refusal, refuse } from '#core/values/reject.ts'
import type { Connection } from './database.ts'
import { isDeadlock, isUnsupported, verdictOn } from './retry.ts'
import { DroppedRow } from './sql/dropped-rows.ts'

/** A row is at fault: Postgres refuses it, or its table lets go of it. */
const isRefusal = (error: unknown): boolean => error instanceof DroppedRow || verdictOn(error) === 'reject'

/**
 * Errors after which the next strategy is tried: it finds the rows that are at fault. Of two COPYs that wait for each other's keys the one that was told to give way sorts its
 * rows first. A table with row-level security takes no COPY.
 */
export const allowsAnotherStrategy = (error: unknown): error is Error => isRefusal(error) || isDeadlock(error) || isUnsupported(error)

/** Runs a statement under a savepoint: done, or taken back when the error is one of those expected. Others are thrown. */
export async function attempt<T>(
  db: Connection,
  work: () => Promise<T>,
  expected: (error: unknown) => boolean = isRefusal,
): Promise<{ done: T } | { refused: unknown }> {
  await db.query('SAVEPOINT merge')
  try {
    const done = await work()
    await db.query('RELEASE SAVEPOINT merge')
    return { done }
  } catch (refused) {
    if (!expected(refused)) throw refused
    await db.query('ROLLBACK TO SAVEPOINT merge; RELEASE SAVEPOINT merge')
    return { refused }
  }
}

/** Characters of a message that are kept: a trigger may say anything. */
const longestMessage = 1000

export function refusalOf(error: unknown): Refusal {
  if (error instanceof DroppedRow) return refuse('dropped-by-table', null, error.message)
  const { message: whole, code, column, constraint } = error as { message: string; code: string; column?: string; constraint?: string }
  const message = whole.length > longestMessage ? `${whole.slice(0, longestMessage).toWellFormed()}…` : whole
  return refuse(`sqlstate-${code}`, column ?? null, constraint ? `${message} (constraint ${constraint})` : message)
}
