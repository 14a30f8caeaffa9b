import { integer } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { migrateDatabase } from '#platform/postgres/migrate-database.ts'
import { valueColumns } from './value-texts.ts'

const columns = { stream: integer(), n: integer(), value: integer(), ...valueColumns }

/** Every row of a stream once, in order: the first of a key stays. */
const journal = dataset('journal', {
  description: 'numbered entries of streams',
  columns,
  primaryKey: ['stream', 'n'],
  onConflict: 'ignore',
  orderingKey: 'stream',
})
/** The last row of each key. */
const latest = dataset('latest', {
  description: 'the latest value of each key',
  columns,
  primaryKey: ['stream'],
  onConflict: 'update',
  orderingKey: 'stream',
})
/** Rows without an order. */
const loose = dataset('loose', {
  description: 'entries in any order',
  columns,
  primaryKey: ['stream', 'n'],
  onConflict: 'ignore',
})

export const faultDatasets: ReadonlyMap<string, Dataset> = new Map([journal, latest, loose].map((d) => [d.name, d]))

/**
 * Makes the tables, and lets Postgres itself watch: values below 0 are refused by a CHECK; `arrival` numbers a journal's rows in the order
 * they came; and a row of `latest` that would replace a later one is refused, which no account expects.
 */
export async function makeTables(db: Connection): Promise<void> {
  await migrateDatabase(db, { datasets: [...faultDatasets.values()], stagingSlots: 4, loader: undefined, today: new Date() })
  for (const name of faultDatasets.keys()) await db.query(`ALTER TABLE ${name} ADD CONSTRAINT not_negative CHECK (value >= 0)`)
  await db.query('ALTER TABLE journal ADD COLUMN arrival bigserial')
  await db.query(`
    CREATE FUNCTION refuse_older() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'row % of stream % came after row %', NEW.n, NEW.stream, OLD.n; END $$`)
  await db.query('CREATE TRIGGER in_order BEFORE UPDATE ON latest FOR EACH ROW WHEN (NEW.n <= OLD.n) EXECUTE FUNCTION refuse_older()')
}
