import { bigint, integer } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { migrateDatabase } from '#platform/postgres/migrate-database.ts'
import { valueColumns } from '../value-texts.ts'

const columns = { id: bigint(), n: integer(), src: integer(), rev: integer(), ...valueColumns }
const shape = { columns, primaryKey: ['id'] } as const

/** The first row of a key stays; what files have besides is passed over. */
const firsts = dataset('file_firsts', {
  ...{ ...shape, description: 'the first row of each key', onConflict: 'ignore' },
  unknownColumns: 'ignore',
})
/** The last row of a key stays. */
const lasts = dataset('file_lasts', { ...shape, description: 'the last row of each key', onConflict: 'update', orderingKey: 'id' })
/** The row with the greatest `rev` stays. */
const newest = dataset('file_newest', { ...shape, description: 'the newest row of each key', onConflict: 'update', version: 'rev' })

export const fileDatasets: ReadonlyMap<string, Dataset> = new Map([firsts, lasts, newest].map((d) => [d.name, d]))

/** What no good row has, and the table refuses. */
export const refusedAmount = '-1'

/**
 * Makes the tables. The ledger numbers what is committed: `finished` is given last thing before a commit, when all
 * rows are written and their keys
 * locked, so that of two chunks which share a key the one with the smaller number was committed first.
 */
export async function makeFileTables(db: Connection): Promise<void> {
  await migrateDatabase(db, { datasets: [...fileDatasets.values()], stagingSlots: 4, loader: undefined, today: new Date() })
  for (const name of fileDatasets.keys())
    await db.query(`ALTER TABLE ${name} ADD CONSTRAINT not_minus_one CHECK (amount IS DISTINCT FROM ${refusedAmount})`)
  await db.query(`
    ALTER TABLE millrace.ledger ADD COLUMN finished bigint;
    CREATE SEQUENCE finish_order;
    CREATE FUNCTION number_finished() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.finished := nextval('finish_order'); RETURN NEW; END $$;
    CREATE TRIGGER finished BEFORE UPDATE ON millrace.ledger FOR EACH ROW EXECUTE FUNCTION number_finished()`)
}
