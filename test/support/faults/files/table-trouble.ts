import type pg from 'pg'
import type { VirtualClock } from '../../virtual-clock.ts'

/** Virtual milliseconds for which a table stays altered or renamed. */
const alteredFor = 30_000
/** Seconds that a slow table takes for one chunk. */
const slowness = 0.8

/** What people do to the tables while files are loaded, and undo later. */
export class Tables {
  readonly #admin: pg.Client
  readonly #clock: VirtualClock
  /** By table: the problem that its loads may end with, how the trouble is undone, and from when on. */
  readonly #undo = new Map<string, { readonly code: string; readonly sql: string; readonly from: number }>()
  /** True while a table is locked or slow, for one invocation. */
  #isBusy = false
  /** Tables whose alteration waits for a transaction to end. */
  readonly #altering = new Map<string, Promise<unknown>>()

  constructor(admin: pg.Client, clock: VirtualClock) {
    this.#admin = admin
    this.#clock = clock
  }

  explains(table: string, code: string): boolean {
    return this.#undo.get(table)?.code === code
  }
  isTroubled(table: string): boolean {
    return this.#isBusy || this.#undo.has(table)
  }

  async alter(table: string): Promise<void> {
    this.#note(table, 'table-changed', `ALTER TABLE ${table} ALTER big TYPE bigint`)
    await this.#admin.query(`ALTER TABLE ${table} ALTER big TYPE numeric(30)`)
  }

  /** Waits in the background until the transaction under way ends: nobody can alter a table under its rows. */
  alterSoon(table: string): void {
    const altering = this.alter(table)
    altering.catch(() => undefined)
    this.#altering.set(table, altering)
  }

  async rename(table: string): Promise<void> {
    this.#note(table, 'table-missing', `ALTER TABLE ${table}_away RENAME TO ${table}`)
    await this.#admin.query(`ALTER TABLE ${table} RENAME TO ${table}_away`)
  }

  /** @returns ends the lock */
  async lock(table: string): Promise<() => Promise<void>> {
    this.#isBusy = true
    await this.#admin.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
    return this.#until('ROLLBACK')
  }

  /** @param rows of a chunk @returns ends the slowness */
  async slow(table: string, rows: number): Promise<() => Promise<void>> {
    this.#isBusy = true
    await this.#admin.query(`
      CREATE OR REPLACE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(${slowness / rows}); RETURN NEW; END $$;
      CREATE TRIGGER slow BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION be_slow()`)
    return this.#until(`DROP TRIGGER slow ON ${table}`)
  }

  /** Undoes what was done to tables long enough ago. @param all of it, at once */
  async mend(all = false): Promise<void> {
    for (const [table, altering] of this.#altering) {
      await altering
      this.#altering.delete(table)
    }
    for (const [table, { sql, from }] of this.#undo) {
      if (!all && this.#clock.now() < from) continue
      await this.#admin.query(sql)
      this.#undo.delete(table)
    }
  }

  #until(sql: string): () => Promise<void> {
    return async () => {
      await this.#admin.query(sql)
      this.#isBusy = false
    }
  }

  #note(table: string, code: string, sql: string): void {
    this.#undo.set(table, { code, sql, from: this.#clock.now() + alteredFor })
  }
}
