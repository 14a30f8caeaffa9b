import type { Dataset } from '#core/dataset/dataset.ts'
import { type LiveTable, misfitsOf } from '#core/dataset/table-fit.ts'
import { LoadError } from '#core/errors.ts'
import { targetTable } from './sql/identifier.ts'

/** The shape of each dataset's table that was found to fit last: a table that has not changed is not judged again. */
const fitting = new WeakMap<Dataset, string>()

/**
 * Refuses to send rows to a table that is not what the dataset declares.
 * @param shape as `beginTransaction` returns it, under the lock that keeps it so
 * @throws LoadError table-changed, naming each difference
 */
export function demandFit(dataset: Dataset, shape: string): void {
  if (fitting.get(dataset) === shape) return
  const misfits = misfitsOf(dataset, JSON.parse(shape) as LiveTable)
  if (misfits.length > 0)
    throw new LoadError(
      'table-changed',
      `The table ${targetTable(dataset.name)} is not what the dataset declares: ${misfits.join('; ')}. No row was sent to it. ` +
        'Change the table back, or declare the dataset as the table is and deploy; then replay the load.',
    )
  fitting.set(dataset, shape)
}
