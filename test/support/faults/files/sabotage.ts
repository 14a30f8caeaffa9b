import type pg from 'pg'
import type { Sabotage } from './world.ts'

const statements: Partial<Record<Sabotage, string>> = {
  'changed value': 'UPDATE file_lasts SET amount = amount + 0.000001 WHERE id = (SELECT min(id) FROM file_lasts WHERE amount IS NOT NULL)',
  'lost row': 'DELETE FROM file_firsts WHERE id = (SELECT max(id) FROM file_firsts)',
  'extra row': 'INSERT INTO file_newest (id, n, src, rev) SELECT max(id) + 1, 0, 1, 1 FROM file_newest',
}

/** Changes a table behind everybody's back. */
export async function spoil(db: pg.Client, sabotage: Sabotage): Promise<void> {
  const statement = statements[sabotage]
  if (statement) await db.query(statement)
}
