import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'
import { inPart, type StagedPart } from './staged-once.ts'

/** What became of staged rows: new in the table, or in the place of an older row. The others were left out. */
export interface Merged {
  readonly inserted: number
  readonly updated: number
}

/**
 * Moves the staged rows into the dataset's table, in key order: two transactions with overlapping keys
 * then take their locks in the same order. Of rows with one key inside the range the first counts with `ignore`, the last with
 * `update`, the newest with a `version`.
 */
export async function mergeRows(db: Connection, dataset: Dataset, slot: number, part: StagedPart): Promise<Merged> {
  const range = [part.from, part.to]
  if (dataset.onConflict === 'ignore') {
    const { rowCount } = await db.query(ignoreSql(dataset, slot, part), range)
    return { inserted: rowCount ?? 0, updated: 0 }
  }
  const { rows } = await db.query(updateSql(dataset, slot, part), range)
  return { inserted: Number(rows[0].inserted), updated: Number(rows[0].updated) }
}

function ignoreSql(dataset: Dataset, slot: number, part: StagedPart): string {
  const { columns, key } = names(dataset)
  return `INSERT INTO ${targetTable(dataset.name)} (${columns}) SELECT ${columns} FROM ${stagingTable(dataset.name, slot)}
    WHERE ${inPart('_offset', part)} ORDER BY ${key}, _offset ON CONFLICT (${key}) DO NOTHING`
}

function updateSql(dataset: Dataset, slot: number, part: StagedPart): string {
  const { columns, key } = names(dataset)
  const changed = Object.keys(dataset.columns).filter((c) => !dataset.primaryKey.includes(c))
  const set = (changed.length > 0 ? changed : dataset.primaryKey).map((c) => `${identifier(c)} = EXCLUDED.${identifier(c)}`).join(', ')
  const version = dataset.version === undefined ? undefined : identifier(dataset.version)
  // xmax is 0 in a row version that was inserted, and the locking transaction in one that ON CONFLICT updated
  return `WITH merged AS (
      INSERT INTO ${targetTable(dataset.name)} AS target (${columns})
      SELECT ${columns} FROM (SELECT DISTINCT ON (${key}) * FROM ${stagingTable(dataset.name, slot)}
        WHERE ${inPart('_offset', part)} ORDER BY ${key}, ${version === undefined ? '' : `${version} DESC, `}_offset DESC) AS latest
      ON CONFLICT (${key}) DO UPDATE SET ${set}${version === undefined ? '' : ` WHERE target.${version} < EXCLUDED.${version}`}
      RETURNING (xmax = 0) AS inserted)
    SELECT count(*) FILTER (WHERE inserted) AS inserted, count(*) FILTER (WHERE NOT inserted) AS updated FROM merged`
}

function names(dataset: Dataset): { columns: string; key: string } {
  return { columns: Object.keys(dataset.columns).map(identifier).join(', '), key: dataset.primaryKey.map(identifier).join(', ') }
}
