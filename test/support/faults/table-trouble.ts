import type { Connection } from '#platform/postgres/database.ts'
import { below, type Random } from '../random.ts'
import type { Stage } from './stage.ts'
import { faultDatasets } from './tables.ts'

const forever = new AbortController().signal
/** Virtual milliseconds, the shortest and the longest time until a table is as it was. */
const lasting = { least: 1000, most: 60_000 }
/** Altering a column writes the whole table anew: records after which that takes too long. */
const alterable = 5000

/** What people do to the tables of batches, and undo: their records are parked meanwhile. */
export class TableTrouble {
  readonly #stage: Stage
  readonly #db: Connection
  readonly #undo = new Map<string, string>()

  constructor(stage: Stage, db: Connection) {
    this.#stage = stage
    this.#db = db
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

  /** Undoes all of it. */
  async mend(): Promise<void> {
    for (const table of [...this.#undo.keys()]) await this.#end(table)
  }

  async #trouble(table: string, random: Random, begin: string, undo: string): Promise<void> {
    this.#undo.set(table, undo)
    await this.#ask(begin)
    const { clock } = this.#stage
    void clock.sleep(lasting.least + below(random, lasting.most - lasting.least), forever).then(() => this.#end(table))
  }

  async #end(table: string): Promise<void> {
    const undo = this.#undo.get(table)
    if (undo === undefined) return
    this.#undo.delete(table)
    await this.#ask(undo)
  }

  /** Between two invocations: nobody waits for a lock. */
  #ask(sql: string): Promise<unknown> {
    return this.#stage.run(() => this.#db.query(sql))
  }
}
