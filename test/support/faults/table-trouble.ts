import pg from 'pg'
import type { Connection } from '#platform/postgres/database.ts'
import { below, type Random } from '../random.ts'
import type { Stage } from './stage.ts'
import { faultDatasets } from './tables.ts'

const forever = new AbortController().signal
/** Virtual milliseconds, the shortest and the longest time until a table is as it was. */
const lasting = { least: 1000, most: 60_000 }
/** The rows that a slow table sleeps for, and for how long: a try of the consumer has 1.6 s. */
const slow = { rows: 500, seconds: 0.004 }
/** Altering a column writes the whole table anew: records after which that takes too long. */
const alterable = 5000

/** What people do to the tables of batches, and undo: their records are parked meanwhile. */
export class TableTrouble {
  readonly #stage: Stage
  readonly #db: Connection
  readonly #database: string
  readonly #undo = new Map<string, () => Promise<unknown>>()

  /** @param database URL, for connections of others */
  constructor(stage: Stage, db: Connection, database: string) {
    this.#stage = stage
    this.#db = db
    this.#database = database
  }

  /** A table that is in no trouble, if it comes to one. */
  any(random: Random): string | undefined {
    const tables = [...faultDatasets.keys()]
    const table = tables[below(random, tables.length)]!
    return this.#undo.has(table) ? undefined : table
  }
  get isAlterable(): boolean {
    return this.#stage.records < alterable
  }

  alter(table: string, random: Random): Promise<void> {
    return this.#trouble(table, random, `ALTER TABLE ${table} ALTER value TYPE bigint`, `ALTER TABLE ${table} ALTER value TYPE integer`)
  }
  rename(table: string, random: Random): Promise<void> {
    return this.#trouble(table, random, `ALTER TABLE ${table} RENAME TO ${table}_away`, `ALTER TABLE ${table}_away RENAME TO ${table}`)
  }

  /** Somebody else has the table. */
  async lock(table: string, random: Random): Promise<void> {
    const other = new pg.Client({ connectionString: this.#database })
    await this.#stage.run(() => other.connect())
    await this.#begin(
      table,
      random,
      () => other.query(`BEGIN; LOCK TABLE ${table}`),
      () => other.end(),
    )
  }
  /** A trigger sleeps for each of the next rows: together longer than a try of the consumer has. */
  slow(table: string, random: Random): Promise<void> {
    return this.#trouble(
      table,
      random,
      `CREATE SEQUENCE slow_rows_${table};
       CREATE FUNCTION slow_${table}() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF nextval('slow_rows_${table}') <= ${slow.rows} THEN PERFORM pg_sleep(${slow.seconds}); END IF; RETURN new; END $$;
       CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION slow_${table}()`,
      `DROP TRIGGER slow ON ${table}; DROP FUNCTION slow_${table}; DROP SEQUENCE slow_rows_${table}`,
    )
  }

  /** Undoes all of it. */
  async mend(): Promise<void> {
    for (const table of [...this.#undo.keys()]) await this.#end(table)
  }

  #trouble(table: string, random: Random, begin: string, undo: string): Promise<void> {
    return this.#begin(
      table,
      random,
      () => this.#db.query(begin),
      () => this.#db.query(undo),
    )
  }

  async #begin(table: string, random: Random, begin: () => Promise<unknown>, undo: () => Promise<unknown>): Promise<void> {
    this.#undo.set(table, undo)
    // Between two invocations: nobody waits for a lock.
    await this.#stage.run(begin)
    const { clock } = this.#stage
    void clock.sleep(lasting.least + below(random, lasting.most - lasting.least), forever).then(() => this.#end(table))
  }

  async #end(table: string): Promise<void> {
    const undo = this.#undo.get(table)
    if (undo === undefined) return
    this.#undo.delete(table)
    await this.#stage.run(undo)
  }
}
