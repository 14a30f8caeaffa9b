import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { stagingTable } from './identifier.ts'
import type { StagedPlace } from './staged-once.ts'

/** The pages of the staging table that have rows. Rows were written in their order, page after page. */
export async function pagesOfStaged(db: Connection, dataset: Dataset, slot: number): Promise<number[]> {
  const { rows } = await db.query<{ page: number }>(
    `SELECT DISTINCT (ctid::text::point)[0]::float8 AS page FROM ${stagingTable(dataset.name, slot)} ORDER BY 1`,
  )
  return rows.map(({ page }) => page)
}

/** The places of the rows that are on a page. */
export async function placesOfPage(db: Connection, dataset: Dataset, slot: number, place: StagedPlace, page: number): Promise<number[]> {
  const { rows } = await db.query<{ at: number }>(
    `SELECT DISTINCT ${place}::float8 AS at FROM ${stagingTable(dataset.name, slot)} WHERE ctid >= '(${page},0)' AND ctid < '(${page + 1},0)' ORDER BY 1`,
  )
  return rows.map(({ at }) => at)
}
