import type { Dataset } from '#core/dataset/dataset.ts'
import { canonicalType } from '#core/dataset/schema-change.ts'
import type { LiveTable } from '#core/dataset/table-fit.ts'
import { LoadError } from '#core/errors.ts'
import type { Connection } from './database.ts'
import { claimSlot } from './sql/claim-slot.ts'
import { stagingTable } from './sql/identifier.ts'
import { lastRow } from './sql/last-row.ts'
import { shapeSql } from './sql/table-shape.ts'

/**
 * Takes an empty staging table of the dataset for this transaction. TRUNCATE locks it until the end, so what its columns are now, they stay.
 * @returns its slot
 * @throws LoadError table-changed when it does not have the columns that the dataset declares
 */
export async function takeStaging(db: Connection, dataset: Dataset): Promise<number> {
  const slot = await claimSlot(db, dataset.name)
  const table = stagingTable(dataset.name, slot)
  const results: unknown = await db.query(`TRUNCATE ${table}; SELECT (${shapeSql(table)}) AS shape`)
  const { columns } = JSON.parse(lastRow<{ shape: string }>(results).shape) as LiveTable
  const found = columns.map(({ name, type }) => `${name} ${type}`).join()
  const declared = stagingShape(dataset)
  if (found === declared) return slot
  throw new LoadError(
    'table-changed',
    `The staging table ${table} is not what the dataset declares: it has (${found}), and (${declared}) is wanted. ` +
      'No row was sent to it. Deploy again, or run the migrations: they make it anew. Then replay the load.',
  )
}

/** The columns of a staging table, in their order, as the catalog names their types. */
export const stagingShape = ({ columns }: Dataset): string =>
  ['_line bigint', '_offset bigint', ...Object.entries(columns).map(([name, column]) => `${name} ${canonicalType(column)}`)].join()
