import type { Dataset } from '#core/dataset.ts'
import type { Connection } from '../database.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'

/**
 * Moves the staged rows of lines [from, to) into the dataset's table, in key order: two transactions with overlapping keys
 * then take their locks in the same order. Of rows with one key inside the range, the first counts with `ignore`, the last with `update`.
 * @returns how many were new; the others were there already (`ignore`) or took the place of an older row (`update`)
 */
export async function mergeRows(db: Connection, dataset: Dataset, lane: number, from: number, to: number): Promise<number> {
  if (dataset.onConflict === 'ignore') return (await db.query(ignoreSql(dataset, lane), [from, to])).rowCount ?? 0
  const { rows } = await db.query(updateSql(dataset, lane), [from, to])
  return Number(rows[0].inserted)
}

function ignoreSql(dataset: Dataset, lane: number): string {
  const { columns, key } = names(dataset)
  return `INSERT INTO ${targetTable(dataset.name)} (${columns}) SELECT ${columns} FROM ${stagingTable(dataset.name, lane)}
    WHERE _line >= $1 AND _line < $2 ORDER BY ${key}, _line ON CONFLICT (${key}) DO NOTHING`
}

function updateSql(dataset: Dataset, lane: number): string {
  const { columns, key } = names(dataset)
  const changed = Object.keys(dataset.columns).filter((c) => !dataset.primaryKey.includes(c))
  const set = (changed.length > 0 ? changed : dataset.primaryKey).map((c) => `${identifier(c)} = EXCLUDED.${identifier(c)}`).join(', ')
  // xmax is 0 in a row version that was inserted, and the locking transaction in one that ON CONFLICT updated
  return `WITH merged AS (
      INSERT INTO ${targetTable(dataset.name)} (${columns})
      SELECT ${columns} FROM (SELECT DISTINCT ON (${key}) * FROM ${stagingTable(dataset.name, lane)}
        WHERE _line >= $1 AND _line < $2 ORDER BY ${key}, _line DESC) AS latest
      ON CONFLICT (${key}) DO UPDATE SET ${set} RETURNING (xmax = 0) AS inserted)
    SELECT count(*) FILTER (WHERE inserted) AS inserted FROM merged`
}

function names(dataset: Dataset): { columns: string; key: string } {
  return { columns: Object.keys(dataset.columns).map(identifier).join(', '), key: dataset.primaryKey.map(identifier).join(', ') }
}
