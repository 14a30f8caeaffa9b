import type { Dataset } from '#core/dataset/dataset.ts'
import { refuse } from '#core/values/reject.ts'
import { attempt } from './attempt.ts'
import type { Connection } from './database.ts'
import { Halving } from './halving.ts'
import type { Merging, OnRefused } from './merging.ts'
import { isKeyTaken } from './retry.ts'
import { DroppedRow, hasDropped, mayChangeRows } from './sql/dropped-rows.ts'
import { insertMissing } from './sql/insert-missing.ts'
import { type Merged, mergeRows } from './sql/merge-rows.ts'
import { rowRules } from './sql/row-rules.ts'
import type { StagedPart } from './sql/staged-once.ts'
import { takenAtOnce, takeStaged } from './sql/take-staged.ts'
import { updatePresent } from './sql/update-present.ts'

/** What the staging table has of a chunk: rows, all of them before the offset `end`. */
interface Staged {
  readonly end: number
  readonly rows: number
}

/** Tries to update what is there and insert what is not, while others insert the same keys: each that fails has made one more key known. */
const keyTries = 5

/** The rows of one chunk. */
function ofChunk(db: Connection, dataset: Dataset, slot: number, { end, rows }: Staged): Merging<Merged> {
  const whole = { from: 0, to: end }
  return {
    plain: () => updateAndInsert(db, dataset, slot, whole, rows),
    place: '_offset',
    whole,
    rows: (part) =>
      knowsInserted(dataset)
        ? mergeRows(db, dataset, slot, part)
        : whileTaken(db, () => updateAndInsert(db, dataset, slot, part, Number.POSITIVE_INFINITY)),
    none: { inserted: 0, updated: 0 },
    sum: (a, b) => ({ inserted: a.inserted + b.inserted, updated: a.updated + b.updated }),
    written: ({ inserted, updated }) => inserted + updated,
  }
}

/**
 * True when ON CONFLICT DO UPDATE can tell which rows it inserted: by their xmax, which rows that a partitioned table returns have not
 * ("cannot retrieve a system column in this context").
 */
export const knowsInserted = ({ onConflict, partitionBy }: Dataset): boolean => onConflict === 'ignore' || partitionBy === undefined

/** Does again what fails because somebody else has inserted one of its keys, and committed it. */
export async function whileTaken<T>(db: Connection, work: () => Promise<T>): Promise<T> {
  for (let n = 1; ; n++) {
    const outcome = await attempt(db, work, isKeyTaken)
    if ('done' in outcome) return outcome.done
    if (n === keyTries) throw outcome.refused
  }
}

/**
 * Merges the staged rows, and finds the rows that Postgres refuses, so that their neighbours load:
 * those that break a CHECK or a foreign key all at once, any others (a trigger, an exclusion) by halving under savepoints, in
 * O(bad rows × log rows) merges, each of which reads only the pages that have its rows.
 */
export function mergeStaged(db: Connection, dataset: Dataset, slot: number, staged: Staged, onRefused: OnRefused): Promise<Merged> {
  return mergeAll(db, dataset, slot, ofChunk(db, dataset, slot, staged), onRefused)
}

/** The same, counted in another way. */
export async function mergeAll<Count>(
  db: Connection,
  dataset: Dataset,
  slot: number,
  merging: Merging<Count>,
  onRefused: OnRefused,
): Promise<Count> {
  const { place, whole } = merging
  const suspicious = await mayChangeRows(db, dataset.name)
  const checked = async (part: StagedPart, work: () => Promise<Count>): Promise<Count> => {
    const count = await work()
    if (suspicious && (await hasDropped(db, dataset, slot, place, part, merging.written(count)))) throw new DroppedRow()
    return count
  }
  const { plain, rows } = merging
  const cheap = plain && (await attempt(db, () => checked(whole, plain)))
  if (cheap && 'done' in cheap) return cheap.done
  // A key that was taken since is left to ON CONFLICT; other rows it would not take either.
  if (!cheap || isKeyTaken(cheap.refused)) {
    const careful = await attempt(db, () => checked(whole, () => rows(whole)))
    if ('done' in careful) return careful.done
  }
  // A trigger may make a row good that breaks a rule as it is staged.
  if (!suspicious) await rejectRuleBreakers(db, dataset, slot, onRefused)
  return new Halving(db, dataset, slot, { ...merging, rows: (part) => checked(part, () => rows(part)) }, onRefused).all()
}

/** By plain statements, the cheapest; fails when a key that is to be inserted is taken, or a row is refused. @param rows when so many are updated, there are no others */
async function updateAndInsert(db: Connection, dataset: Dataset, slot: number, part: StagedPart, rows: number): Promise<Merged> {
  if (dataset.onConflict === 'ignore') return { updated: 0, inserted: await insertMissing(db, dataset, slot, part) }
  const updated = await updatePresent(db, dataset, slot, part)
  if (updated === rows) return { updated, inserted: 0 }
  const inserted = await insertMissing(db, dataset, slot, part)
  // A key that somebody else has inserted between the two was neither updated nor missing. Without a version either row may be the one that stays.
  const late = dataset.version === undefined ? 0 : await updatePresent(db, dataset, slot, part)
  return { updated: updated + late, inserted }
}

/** Takes out the rows that break a constraint of the table. One that cannot be judged here is left to the halving. */
async function rejectRuleBreakers(db: Connection, dataset: Dataset, slot: number, onRefused: OnRefused): Promise<void> {
  for (const { name, sqlstate, message, broken, own } of await rowRules(db, dataset, slot)) {
    const refusal = refuse(`sqlstate-${sqlstate}`, null, `${message} (constraint ${name})`)
    for (;;) {
      const taken = await attempt(db, () => takeStaged(db, dataset, slot, broken, takenAtOnce), isUnjudgeable)
      if (!('done' in taken)) break
      for (const row of taken.done) await onRefused({ ...row, refusal })
      if (taken.done.length < (own ? 1 : takenAtOnce)) break
    }
  }
}

/** The condition itself fails (22…), names a column that is not staged, or a table that the loader may not read (42…). */
const isUnjudgeable = (error: unknown): boolean => error instanceof Error && 'code' in error && /^(22|42)/.test(String(error.code))
