import type { Dataset } from '#core/dataset/dataset.ts'
import { type LiveTable, misfitsOf } from '#core/dataset/table-fit.ts'
import { LoadError } from '#core/errors.ts'
import type { Connection } from './database.ts'
import { targetTable } from './sql/identifier.ts'
import { shapeSql } from './sql/table-shape.ts'

/** The version of each dataset's table that was found to fit last: a table that has not changed is not judged again. */
const fitting = new WeakMap<Dataset, string>()

/**
 * Refuses to send rows to a table that is not what the dataset declares.
 * @param version as `beginTransaction` returns it, under the lock that keeps it so
 * @throws LoadError table-changed, naming each difference
 */
export async function demandFit(db: Connection, dataset: Dataset, version: string): Promise<void> {
  if (fitting.get(dataset) === version) return
  const table = targetTable(dataset.name)
  const misfits = misfitsOf(dataset, await readShape(db, table))
  if (misfits.length > 0)
    throw new LoadError(
      'table-changed',
      `The table ${table} is not what the dataset declares: ${misfits.join('; ')}. No row was sent to it. ` +
        'Change the table back, or declare the dataset as the table is and deploy; then replay the load.',
    )
  fitting.set(dataset, version)
}

async function readShape(db: Connection, table: string): Promise<LiveTable> {
  const { rows } = await db.query<{ shape: string }>(`SELECT (${shapeSql(table)}) AS shape`)
  return JSON.parse(rows[0]!.shape) as LiveTable
}
