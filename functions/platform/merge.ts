import type { Dataset } from '#core/dataset.ts'
import { type Refusal, refuse } from '#core/reject.ts'
import type { Connection } from './database.ts'
import { verdictOn } from './retry.ts'
import { insertMissing } from './sql/insert-missing.ts'
import { type Merged, mergeRows } from './sql/merge-rows.ts'
import { rowRules } from './sql/row-rules.ts'
import type { StagedPlace } from './sql/staged-once.ts'
import { stagedRange } from './sql/staged-range.ts'
import { type StagedRow, takeStaged } from './sql/take-staged.ts'
import { updatePresent } from './sql/update-present.ts'

/** A row that only Postgres could judge, as the staging table has it. */
interface RefusedRow extends StagedRow {
  readonly refusal: Refusal
}
export type OnRefused = (row: RefusedRow) => Promise<void>

/** What the staging table has of a chunk: rows, all of them before the offset `end`. */
interface Staged {
  readonly end: number
  readonly rows: number
}

/** Rows that are taken out of the staging table at once. */
const sieveBatch = 2000

/** How staged rows get into the table, and how it is counted what became of them. */
export interface Merging<Count> {
  /** All staged rows, by the cheapest statements there are; undefined where there are none. Fails with 23505 when somebody else was faster. */
  readonly plain: (() => Promise<Count>) | undefined
  /** What rows are told apart by, and the range in which all of them are: [from, to). */
  readonly place: StagedPlace
  readonly range: readonly [from: number, to: number]
  /** The staged rows of a part of that range. */
  readonly rows: (from: number, to: number) => Promise<Count>
  readonly none: Count
  readonly sum: (a: Count, b: Count) => Count
}

/** The rows of one chunk. */
const ofChunk = (db: Connection, dataset: Dataset, lane: number, staged: Staged): Merging<Merged> => ({
  plain: () => updateAndInsert(db, dataset, lane, staged),
  place: '_offset',
  range: [0, staged.end],
  rows: (from, to) => mergeRows(db, dataset, lane, from, to),
  none: { inserted: 0, updated: 0 },
  sum: (a, b) => ({ inserted: a.inserted + b.inserted, updated: a.updated + b.updated }),
})

/**
 * Merges the staged rows, and finds the rows that Postgres refuses, so that their neighbours load:
 * those that break a CHECK or a foreign key all at once, any others (a trigger, an exclusion) by halving under savepoints, in
 * O(bad rows × log bytes) merges.
 */
export function mergeStaged(db: Connection, dataset: Dataset, lane: number, staged: Staged, onRefused: OnRefused): Promise<Merged> {
  return mergeAll(db, dataset, lane, ofChunk(db, dataset, lane, staged), onRefused)
}

/** The same, counted in another way. */
export async function mergeAll<Count>(
  db: Connection,
  dataset: Dataset,
  lane: number,
  merging: Merging<Count>,
  onRefused: OnRefused,
): Promise<Count> {
  const plain = merging.plain && (await attempt(db, merging.plain))
  if (plain && 'done' in plain) return plain.done
  const [from, to] = merging.range
  const whole = await attempt(db, () => merging.rows(from, to))
  if ('done' in whole) return whole.done
  await sieve(db, dataset, lane, onRefused)
  // A chunk far behind in its file would be halved down to where it begins.
  const left = await stagedRange(db, dataset, lane, merging.place)
  return left ? halve(db, dataset, lane, ...left, merging, onRefused) : merging.none
}

/** By plain statements, the cheapest; fails when a key that is to be inserted is taken, or a row is refused. */
async function updateAndInsert(db: Connection, dataset: Dataset, lane: number, { end, rows }: Staged): Promise<Merged> {
  if (dataset.onConflict === 'ignore') return { updated: 0, inserted: await insertMissing(db, dataset, lane, end) }
  const updated = await updatePresent(db, dataset, lane, end)
  if (updated === rows) return { updated, inserted: 0 }
  const inserted = await insertMissing(db, dataset, lane, end)
  // A key that somebody else has inserted between the two was neither updated nor missing. Without a version either row may be the one that stays.
  const late = dataset.version === undefined ? 0 : await updatePresent(db, dataset, lane, end)
  return { updated: updated + late, inserted }
}

/** Takes out the rows that break a constraint of the table. One that cannot be judged here is left to the halving. */
async function sieve(db: Connection, dataset: Dataset, lane: number, onRefused: OnRefused): Promise<void> {
  for (const { name, sqlstate, message, broken, own } of await rowRules(db, dataset, lane)) {
    const refusal = refuse(`sqlstate-${sqlstate}`, null, `${message} (constraint ${name})`)
    for (;;) {
      const taken = await attempt(db, () => takeStaged(db, dataset, lane, broken, sieveBatch), isUnjudgeable)
      if (!('done' in taken)) break
      for (const row of taken.done) await onRefused({ ...row, refusal })
      if (taken.done.length < (own ? 1 : sieveBatch)) break
    }
  }
}

async function halve<Count>(
  db: Connection,
  dataset: Dataset,
  lane: number,
  from: number,
  to: number,
  merging: Merging<Count>,
  onRefused: OnRefused,
): Promise<Count> {
  const part = await attempt(db, () => merging.rows(from, to))
  if ('done' in part) return part.done
  if (to - from > 1) {
    const middle = Math.floor((from + to) / 2)
    const left = await halve(db, dataset, lane, from, middle, merging, onRefused)
    return merging.sum(left, await halve(db, dataset, lane, middle, to, merging, onRefused))
  }
  for (const row of await takeStaged(db, dataset, lane, `staged.${merging.place} = ${from}`, 1))
    await onRefused({ ...row, refusal: refusalOf(part.refused) })
  return merging.none
}

/** Runs a statement under a savepoint: done, or taken back when the error is one of those expected. Others are thrown. */
async function attempt<T>(
  db: Connection,
  work: () => Promise<T>,
  expected: (error: unknown) => boolean = (error) => verdictOn(error) === 'reject',
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

/** The condition itself fails (22…), names a column that is not staged, or a table that the loader may not read (42…). */
const isUnjudgeable = (error: unknown): boolean => error instanceof Error && 'code' in error && /^(22|42)/.test(String(error.code))

/** Characters of a message that are kept: a trigger may say anything. */
const longestMessage = 1000

function refusalOf(error: unknown): Refusal {
  const { message: whole, code, column, constraint } = error as { message: string; code: string; column?: string; constraint?: string }
  const message = whole.length > longestMessage ? `${whole.slice(0, longestMessage).toWellFormed()}…` : whole
  return refuse(`sqlstate-${code}`, column ?? null, constraint ? `${message} (constraint ${constraint})` : message)
}
