import type { QueryResult } from 'pg'

/** The one row of the last of several statements that were sent as one text: `pg` answers such a text with a result for each. */
export function lastRow<Row>(results: unknown): Row {
  return (results as readonly QueryResult[]).at(-1)!.rows[0] as Row
}
