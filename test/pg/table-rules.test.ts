import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bigint, date, integer, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { AccountingError } from '#core/errors.ts'
import type { Strategy } from '#platform/postgres/commit-chunk.ts'
import { Consumer } from '../support/consumer.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const columns = { id: bigint(), parent: bigint({ nullable: true }), name: text({ nullable: true }), n: integer({ default: 0 }) }
const shape = { description: 'a test', columns, primaryKey: ['id'] } as const
const items = dataset('items', { ...shape, onConflict: 'ignore' })
const newest = dataset('newest', { ...shape, onConflict: 'update', version: 'n' })
const daily = dataset('daily', {
  description: 'a test',
  columns: { ...columns, day: date({ default: '2026-01-02' }) },
  primaryKey: ['id', 'day'],
  onConflict: 'update',
  orderingKey: 'id',
  partitionBy: { column: 'day', every: 'day', past: 1, ahead: 1 },
})
const today = new Date('2026-01-02T12:00:00Z')
const { db, connect } = await scratchTables([items, newest, daily], { today })

interface Row {
  readonly id: number
  readonly parent?: number
  readonly name?: string
  readonly n?: number
}
const rowsOf = (count: number, more: (id: number) => Partial<Row> = () => ({})): Row[] =>
  Array.from({ length: count }, (_, id) => ({ id, name: `name ${id}`, ...more(id) }))
const textOf = (rows: readonly Row[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/** Runs with rules of the table that are gone afterwards. */
async function withRules(sql: string, undo: string, run: () => Promise<void>): Promise<void> {
  await db.query(sql)
  try {
    await run()
  } finally {
    await db.query(undo)
  }
}
/** A trigger of a row. */
const withTrigger = ({ name }: Dataset, body: string, run: () => Promise<void>, when = 'BEFORE INSERT'): Promise<void> =>
  withRules(
    `CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$;
     CREATE TRIGGER judge ${when} ON ${name} FOR EACH ROW EXECUTE FUNCTION judge()`,
    `DROP TRIGGER judge ON ${name}; DROP FUNCTION judge`,
    run,
  )

/** Loads rows as a file. @returns its counts: received, loaded, updated, duplicate, rejected; and its rejects: their lines and codes */
async function load(d: Dataset, rows: readonly Row[], strategy: Strategy = 'direct', own = connect) {
  const p = new Pipeline(d, own)
  p.strategy = strategy
  p.mostFailures = 0
  const { id } = p.open(Buffer.from(textOf(rows)), 'ndjson', 'none', 1 << 24, { createdAt: today.toISOString() })
  await p.drain(1)
  const { state, reconciles, rows: counts } = p.receipt(id)
  assert.deepEqual([state, reconciles], ['complete', true])
  const rejects = p.rejectsOf(id).sort((a, b) => a.line - b.line)
  return {
    counts: [counts.received, counts.loaded, counts.updated, counts.duplicate, counts.rejected],
    rejects: rejects.map(({ line, code }) => [line, code]),
  }
}
/** The same rows through the stream, as one chunk. */
async function stream(d: Dataset, rows: readonly Row[]) {
  const c = new Consumer([d], connect)
  const [record] = c.batch(d, [textOf(rows)], { header: { createdAt: today.toISOString() } })
  assert.equal(await c.deliver([record!]), -1)
  assert.deepEqual(c.setAside, [])
  return { counts: c.countsOf(record!)[0], rejects: c.rejectsOf(record!).map(({ line, code }) => [line, code]) }
}
const clear = () => db.query('TRUNCATE items, newest, daily')
const count = async ({ name }: Dataset): Promise<number> => (await db.query(`SELECT count(*)::int AS n FROM ${name}`)).rows[0].n
/** By every strategy, and by the stream. */
async function everyWay(d: Dataset, rows: readonly Row[], check: (came: Awaited<ReturnType<typeof load>>) => Promise<void> | void) {
  for (const strategy of ['direct', 'probed', 'staged'] as const) {
    await clear()
    await check(await load(d, rows, strategy))
  }
  await clear()
  await check((await stream(d, rows)) as Awaited<ReturnType<typeof load>>)
}

test('what a trigger raises is said of the row, whatever SQLSTATE it borrows', async () => {
  for (const code of ['40001', '40P01', '57014', '53300', '55P03', '08006', '25006', '42501', '0A000', 'ZX001'])
    await withTrigger(items, `IF NEW.id = 4 THEN RAISE 'timeout expired' USING ERRCODE = '${code}'; END IF; RETURN NEW;`, async () => {
      await clear()
      const rejected = { counts: [10, 9, 0, 0, 1], rejects: [[5, `sqlstate-${code}`]] }
      assert.deepEqual(await load(items, rowsOf(10)), rejected)
      await clear()
      assert.deepEqual(await stream(items, rowsOf(10)), rejected)
    })
  await withTrigger(items, 'CASE WHEN NEW.id <> 4 THEN RETURN NEW; END CASE;', async () => {
    await clear()
    assert.deepEqual(await load(items, rowsOf(10)), { counts: [10, 9, 0, 0, 1], rejects: [[5, 'sqlstate-20000']] })
  })
})

test('a row that a trigger drops is rejected, and no duplicate', async () => {
  for (const d of [items, newest, daily])
    await withTrigger(d, 'IF NEW.id % 10 = 4 THEN RETURN NULL; END IF; RETURN NEW;', () =>
      everyWay(d, rowsOf(20), async ({ counts, rejects }) => {
        assert.deepEqual(counts, [20, 18, 0, 0, 2], d.name)
        assert.deepEqual(rejects, [
          [5, 'dropped-by-table'],
          [15, 'dropped-by-table'],
        ])
        assert.equal(await count(d), 18)
      }),
    )
})

test('a trigger that leaves a row as it is when nothing changes drops none', async () => {
  await withTrigger(
    daily,
    'IF NEW IS NOT DISTINCT FROM OLD THEN RETURN NULL; END IF; RETURN NEW;',
    async () => {
      await clear()
      assert.deepEqual((await load(daily, rowsOf(5))).counts, [5, 5, 0, 0, 0])
      assert.deepEqual((await load(daily, rowsOf(6))).counts, [6, 1, 5, 0, 0])
    },
    'BEFORE UPDATE',
  )
})

test('a trigger that gives rows other keys drops none', async () => {
  await withTrigger(items, 'NEW.id = NEW.id + 100; RETURN NEW;', async () => {
    for (const strategy of ['direct', 'probed', 'staged'] as const) {
      await clear()
      assert.deepEqual((await load(items, rowsOf(10), strategy)).counts, [10, 10, 0, 0, 0], strategy)
    }
  })
})

test('rows that a trigger makes good are not judged as they came', () =>
  withRules('ALTER TABLE items ADD CONSTRAINT low CHECK (name = lower(name))', 'ALTER TABLE items DROP CONSTRAINT low', () =>
    withTrigger(items, `NEW.name = lower(NEW.name); IF NEW.id = 4 THEN RAISE 'no four'; END IF; RETURN NEW;`, () =>
      everyWay(
        items,
        rowsOf(10, () => ({ name: 'UP' })),
        (came) => assert.deepEqual(came, { counts: [10, 9, 0, 0, 1], rejects: [[5, 'sqlstate-P0001']] }),
      ),
    ),
  ))

test('a foreign key to the table itself: a bad row costs only those that refer to it', () =>
  withRules(
    'ALTER TABLE items ADD CONSTRAINT up FOREIGN KEY (parent) REFERENCES items, ADD CONSTRAINT not_five CHECK (id <> 5)',
    'ALTER TABLE items DROP CONSTRAINT up, DROP CONSTRAINT not_five',
    () =>
      everyWay(
        items,
        rowsOf(10, (id) => (id === 0 ? {} : { parent: id === 8 ? 5 : id === 6 ? 4 : id - 1 })),
        ({ rejects }) =>
          assert.deepEqual(rejects, [
            [6, 'sqlstate-23514'],
            [9, 'sqlstate-23503'],
            [10, 'sqlstate-23503'],
          ]),
      ),
  ))

test('a constraint that is not enforced rejects nothing, whatever else is rejected', async (t) => {
  const { rows } = await db.query("SELECT current_setting('server_version_num')::int AS version")
  if (rows[0].version < 180_000) return t.skip('PostgreSQL 18 and later')
  await withRules(
    'ALTER TABLE items ADD CONSTRAINT small CHECK (id < 3) NOT ENFORCED, ADD CONSTRAINT not_five CHECK (id <> 5)',
    'ALTER TABLE items DROP CONSTRAINT small, DROP CONSTRAINT not_five',
    () => everyWay(items, rowsOf(10), ({ rejects }) => assert.deepEqual(rejects, [[6, 'sqlstate-23514']])),
  )
})

test('constraints that are deferred to the commit are asked row by row', async () => {
  await withRules(
    `CREATE TABLE known (id bigint PRIMARY KEY); INSERT INTO known VALUES (1);
     ALTER TABLE items ADD CONSTRAINT known FOREIGN KEY (parent) REFERENCES known DEFERRABLE INITIALLY DEFERRED`,
    'ALTER TABLE items DROP CONSTRAINT known; DROP TABLE known',
    () =>
      everyWay(
        items,
        rowsOf(10, (id) => ({ parent: id === 4 ? 7 : 1 })),
        (came) => assert.deepEqual(came, { counts: [10, 9, 0, 0, 1], rejects: [[5, 'sqlstate-23503']] }),
      ),
  )
  await withRules(
    'ALTER TABLE items ADD CONSTRAINT once UNIQUE (name) DEFERRABLE INITIALLY DEFERRED',
    'ALTER TABLE items DROP CONSTRAINT once',
    () =>
      everyWay(
        items,
        rowsOf(10, (id) => ({ name: id === 7 ? 'name 2' : `name ${id}` })),
        (came) => assert.deepEqual(came, { counts: [10, 9, 0, 0, 1], rejects: [[8, 'sqlstate-23505']] }),
      ),
  )
})

test('a partitioned table with policy update: rows that Postgres refuses, and keys that others insert meanwhile', async () => {
  await withRules("ALTER TABLE daily ADD CONSTRAINT fine CHECK (name <> 'bad')", 'ALTER TABLE daily DROP CONSTRAINT fine', () =>
    everyWay(
      daily,
      [...rowsOf(10), { id: 3, name: 'again' }, { id: 20, name: 'bad' }, { id: 4, name: 'bad' }],
      async ({ counts, rejects }) => {
        assert.deepEqual(counts, [13, 10, 1, 0, 2])
        assert.deepEqual(
          rejects.map(([line]) => line),
          [12, 13],
        )
        assert.deepEqual((await db.query('SELECT name FROM daily WHERE id IN (3, 4) ORDER BY id')).rows, [
          { name: 'again' },
          { name: 'name 4' },
        ])
      },
    ),
  )
  for (const way of [load, stream] as const) {
    await clear()
    const other = await connect()
    await other.query("BEGIN; INSERT INTO daily (id, name, day) VALUES (500, 'theirs', '2026-01-02')")
    const done = way === load ? load(daily, rowsOf(1000), 'staged') : stream(daily, rowsOf(1000))
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while ((await db.query(waiting)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await other.query('COMMIT')
    assert.deepEqual((await done).counts, [1000, 999, 1, 0, 0])
    assert.deepEqual((await db.query('SELECT name FROM daily WHERE id = 500')).rows, [{ name: 'name 500' }])
  }
})

/** A database may be set to another isolation. */
const repeatable = async () => {
  const connection = await connect()
  await connection.query("SET default_transaction_isolation = 'repeatable read'")
  return connection
}

test('a row that is newer than one which others commit between two statements of a merge is not lost', async () => {
  for (const way of ['file', 'stream', 'file in a database of other habits'] as const) {
    await clear()
    await db.query('INSERT INTO newest (id, n) VALUES (1, 1)')
    const other = await connect()
    await other.query('SELECT pg_advisory_lock(1)')
    // The UPDATE has looked by then, and the INSERT has not.
    await db.query(`CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_lock(1); PERFORM pg_advisory_unlock(1); RETURN NULL; END $$;
      CREATE TRIGGER pause AFTER UPDATE ON newest FOR EACH STATEMENT EXECUTE FUNCTION pause()`)
    const rows = [1, 2, 3].map((id) => ({ id, n: 10 }))
    const done = way === 'stream' ? stream(newest, rows) : load(newest, rows, 'staged', way === 'file' ? connect : repeatable)
    const waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while ((await db.query(waiting)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await other.query('INSERT INTO newest (id, n) VALUES (2, 5); SELECT pg_advisory_unlock(1)')
    const { counts } = await done
    await db.query('DROP TRIGGER pause ON newest; DROP FUNCTION pause')
    assert.deepEqual(counts, [3, 1, 2, 0, 0], way)
    assert.deepEqual((await db.query('SELECT id::int, n FROM newest ORDER BY id')).rows, rows)
  }
})

test('counts that cannot be are not committed: a trigger makes rows older each time they are updated', async () => {
  await withTrigger(
    newest,
    'NEW.n = 0; RETURN NEW;',
    async () => {
      await clear()
      await db.query('INSERT INTO newest (id, n) VALUES (1, 1)')
      const rows = [1, 2].map((id) => ({ id, n: 10 }))
      await assert.rejects(load(newest, rows, 'staged'), AccountingError)
      assert.equal(await count(newest), 1)
    },
    'BEFORE UPDATE',
  )
})

test('row-level security: COPY is not possible, a policy rejects rows, and every other one loads', async () => {
  const role = `loader_${process.pid}`
  await db.query(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA millrace, public TO ${role};
    GRANT ALL ON ALL TABLES IN SCHEMA millrace, public TO ${role};
    ALTER TABLE items ENABLE ROW LEVEL SECURITY;
    CREATE POLICY seen ON items FOR SELECT USING (true); CREATE POLICY taken ON items FOR INSERT WITH CHECK (id <> 4)`)
  const asLoader = async () => {
    const connection = await connect()
    await connection.query(`SET ROLE ${role}`)
    return connection
  }
  try {
    for (const strategy of ['direct', 'probed', 'staged'] as const) {
      await clear()
      const came = await load(items, rowsOf(10), strategy, asLoader)
      assert.deepEqual(came, { counts: [10, 9, 0, 0, 1], rejects: [[5, 'sqlstate-42501']] })
      assert.deepEqual((await load(items, rowsOf(11), strategy, asLoader)).counts, [11, 1, 0, 9, 1])
    }
  } finally {
    await db.query(`DROP POLICY seen ON items; DROP POLICY taken ON items; ALTER TABLE items DISABLE ROW LEVEL SECURITY;
      DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test('of many rows a few that a trigger refuses are found without going through the others again and again', async () => {
  const total = 20_000
  const bad = [0, 1, 4_999, 10_000, 10_001, 19_999]
  await withTrigger(items, `IF NEW.name = 'bad' THEN RAISE 'no'; END IF; RETURN NEW;`, async () => {
    await clear()
    await db.query("SELECT pg_stat_reset_single_table_counters('millrace.staging_items_0'::regclass)")
    const { counts, rejects } = await load(
      items,
      rowsOf(total, (id) => (bad.includes(id) ? { name: 'bad' } : { parent: id })),
    )
    assert.deepEqual(counts, [total, total - bad.length, 0, 0, bad.length])
    assert.deepEqual(
      rejects.map(([line]) => line),
      bad.map((id) => id + 1),
    )
  })
  const readOf = async () =>
    Number((await db.query("SELECT seq_tup_read AS read FROM pg_stat_user_tables WHERE relname = 'staging_items_0'")).rows[0].read)
  // Told by the loader's connection as it ends.
  while ((await readOf()) === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  const read = await readOf()
  assert.ok(read < 25 * total, `${read} rows were read`)
})
