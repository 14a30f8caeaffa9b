import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { array, bigint, bytea, integer, jsonb, oneOf, text, timestamptz } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { datasets } from '#datasets'
import { migrateDatabase } from '#platform/postgres/migrate-database.ts'
import { migrations } from '#platform/postgres/migrations/list.ts'
import { claimSlot } from '#platform/postgres/sql/claim-slot.ts'
import { readParts } from '#platform/postgres/sql/read-chunk.ts'
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts'

let scratch: ScratchDatabase
let db: pg.Client
before(async () => {
  scratch = await scratchDatabase()
  db = await scratch.connect()
})
after(() => scratch[Symbol.asyncDispose]())

const today = new Date('2026-03-01T12:00:00Z')
const migrate = (all: readonly Dataset[], stagingSlots = 2) =>
  migrateDatabase(db, { datasets: all, stagingSlots, loader: undefined, today })

const base = {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 10 }), at: timestamptz({ nullable: true }) },
  primaryKey: ['id'],
  onConflict: 'ignore',
} as const

test('every shipped dataset gets its table, and a second run finds nothing to do', async () => {
  const all = [...datasets.values()]
  const applied = await migrate(all)
  assert.ok(applied.includes('flights: create-table'))
  assert.ok(applied.includes('readings: partition readings_20260301'))
  assert.deepEqual(await migrate(all), [])
})

test('the next day makes the next partition, and nothing else', async () => {
  const tomorrow = new Date('2026-03-02T00:00:00Z')
  const applied = await migrateDatabase(db, { datasets: [...datasets.values()], stagingSlots: 2, loader: undefined, today: tomorrow })
  assert.deepEqual(applied, ['readings: partition readings_20260310'])
})

test('additive changes keep what is stored: a new column with a default, longer text, a column that takes null', async () => {
  await migrate([dataset('grows', base)])
  await db.query("INSERT INTO grows VALUES (1, 'old', NULL)")
  const columns = {
    ...base.columns,
    name: text({ max: 20, nullable: true }),
    score: integer({ default: 7 }),
    extra: jsonb({ nullable: true }),
  }
  const applied = await migrate([dataset('grows', { ...base, columns })])
  assert.deepEqual(
    applied.filter((a) => !a.includes('staging')),
    ['grows: widen-column name', 'grows: drop-not-null name', 'grows: add-column score', 'grows: add-column extra'],
  )
  assert.deepEqual((await db.query('SELECT * FROM grows')).rows, [{ id: '1', name: 'old', at: null, score: 7, extra: null }])
})

test('an enum may get more values, in a partitioned table too, but never lose one', async () => {
  const declare = (values: readonly string[] | undefined, tags: readonly string[]) =>
    dataset('chosen', {
      description: 'a test',
      columns: { id: bigint(), at: timestamptz(), state: values ? oneOf(values) : text(), tags: array(oneOf(tags), { default: [] }) },
      primaryKey: ['id', 'at'],
      onConflict: 'ignore',
      partitionBy: { column: 'at', every: 'day', past: 0, ahead: 0 },
    })
  let id = 0
  const insert = (state: string, tag: string) =>
    db.query("INSERT INTO chosen VALUES ($1, '2026-03-01T00:00:00Z', $2, ARRAY[$3])", [++id, state, tag])
  await migrate([declare(['new'], ['a'])])
  await insert('new', 'a')
  await assert.rejects(insert('paid', 'a'), /state_values/)
  await assert.rejects(insert('new', 'b'), /tags_values/)
  assert.deepEqual(await migrate([declare(['new'], ['a'])]), [])
  const applied = await migrate([declare(['new', 'paid', 'é "x"'], ['a', 'b'])])
  assert.deepEqual(applied, ['chosen: widen-values state', 'chosen: widen-values tags'])
  await insert('é "x"', 'b')
  assert.deepEqual(await migrate([declare(['paid', 'é "x"', 'new'], ['b', 'a'])]), [])
  await assert.rejects(migrate([declare(['new'], ['a', 'b'])]), /column "state" may be "paid", "é "x"" in the table/)
  assert.deepEqual(await migrate([declare(undefined, ['a', 'b'])]), ['chosen: widen-values state'])
  await insert('anything', 'b')
  await assert.rejects(migrate([declare(['new'], ['a', 'b'])]), /column "state" takes any text/)
})

test('defaults of every kind are the table’s too', async () => {
  const columns = {
    id: bigint(),
    raw: bytea({ default: 'AP8=' }),
    words: array(text({ nullable: true }), { default: ["it's", null] }),
    docs: array(jsonb(), { default: [{ a: 1 }] }),
    blobs: array(bytea(), { default: ['AP8='] }),
    state: oneOf(['new', 'paid'], { default: 'new' }),
  }
  await migrate([dataset('defaults', { ...base, columns })])
  await db.query('INSERT INTO defaults (id) VALUES (1)')
  const { rows } = await db.query('SELECT * FROM defaults')
  assert.deepEqual(rows, [
    { id: '1', raw: Buffer.from([0, 255]), words: ["it's", null], docs: [{ a: 1 }], blobs: [Buffer.from([0, 255])], state: 'new' },
  ])
})

test('incompatible changes are refused together, with their reasons, before anything is touched', async () => {
  await migrate([dataset('stays', base)])
  const changed = dataset('stays', {
    ...base,
    columns: { id: bigint(), name: integer(), at: timestamptz(), needed: integer() },
    primaryKey: ['id', 'name'],
  })
  const before = await db.query("SELECT count(*) FROM pg_class WHERE relname LIKE 'fresh%' OR relname LIKE 'staging_fresh%'")
  await assert.rejects(migrate([dataset('fresh', base), changed]), (error: Error) => {
    assert.match(error.message, /not touched/)
    assert.match(error.message, /"name" is character varying\(10\) in the table, but integer in the dataset/)
    assert.match(error.message, /"at" takes null in the table/)
    assert.match(error.message, /"needed" is new but neither nullable nor with a default/)
    assert.match(error.message, /primary key is \(id\) in the table, but \(id, name\)/)
    return true
  })
  const later = await db.query("SELECT count(*) FROM pg_class WHERE relname LIKE 'fresh%' OR relname LIKE 'staging_fresh%'")
  assert.deepEqual(later.rows, before.rows)
})

test('a key by which Postgres or a loader could not tell rows apart is refused', async () => {
  const named = { ...base, primaryKey: ['name'] } as const
  await migrate([dataset('folded', named), dataset('late', base)])
  await db.query(`CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    ALTER TABLE folded ALTER COLUMN name TYPE varchar(10) COLLATE caseless;
    ALTER TABLE late DROP CONSTRAINT late_pkey, ADD PRIMARY KEY (id) DEFERRABLE`)
  await assert.rejects(migrate([dataset('folded', named), dataset('late', base)]), (error: Error) => {
    assert.match(error.message, /"folded": the key column "name" has a collation in the table that takes different texts for equal/)
    assert.match(error.message, /"late": the primary key is deferrable in the table/)
    return true
  })
  // Other columns may have any collation.
  await db.query('ALTER TABLE folded ALTER COLUMN name TYPE varchar(10) COLLATE "C", ADD COLUMN note text COLLATE caseless')
  const columns = { ...named.columns, note: text({ nullable: true }) }
  await migrate([dataset('folded', { ...named, columns })])
})

test('a column that the dataset drops is refused only while the table demands a value for it', async () => {
  await migrate([dataset('drops', base)])
  const { at: _at, ...rest } = base.columns
  await migrate([dataset('drops', { ...base, columns: rest })])
  const { name: _name, ...fewer } = rest
  await assert.rejects(
    migrate([dataset('drops', { ...base, columns: fewer })]),
    /"name" is not in the dataset, and the table demands a value/,
  )
})

test('what the ledger of a deployment in use has is read as before: nothing is known to have been passed over', async () => {
  await using used = await scratchDatabase()
  const old = await used.connect()
  await old.query('CREATE SCHEMA millrace; CREATE TABLE millrace.migration (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())')
  for (const { name, sql } of migrations.filter(({ name }) => name < '0005')) {
    await old.query(sql)
    await old.query('INSERT INTO millrace.migration (name) VALUES ($1)', [name])
  }
  await old.query(`INSERT INTO millrace.ledger
    (load, chunk, tenant, dataset, source_start, source_end, crc32, next_row, lines, last, received, loaded, updated, duplicate, rejected, committed_at)
    VALUES ('ld_old', 0, 'acme', 'flights', 0, 9, 1, 9, 1, true, 1, 1, 0, 0, 0, now())`)
  assert.deepEqual(await migrateDatabase(old, { datasets: [], stagingSlots: 1, loader: undefined, today }), [
    '0005-ignored',
    '0006-staging-slots',
  ])
  const [chunk, ...others] = await readParts(old, 'ld_old', 0, 0)
  assert.deepEqual(others, [])
  const { committedAt: _, ...counts } = chunk!
  assert.deepEqual(counts, {
    ...{ chunk: 0, sourceStart: 0, sourceEnd: 9, crc32: 1, nextRow: 9, lines: 1, last: true },
    ...{ received: 1, loaded: 1, updated: 0, duplicate: 0, rejected: 0, rejects: [] },
  })
})

test('while a deployment is replaced, functions of both releases take staging slots of their own', async () => {
  await using used = await scratchDatabase()
  const [admin, before, after] = await Promise.all([used.connect(), used.connect(), used.connect()])
  await migrateDatabase(admin, { datasets: [dataset('shared', base)], stagingSlots: 2, loader: undefined, today })
  // As the release before took one.
  await before.query('BEGIN')
  const { rows } = await before.query(
    "SELECT lane FROM millrace.lane WHERE dataset = 'shared' ORDER BY lane FOR UPDATE SKIP LOCKED LIMIT 1",
  )
  await after.query('BEGIN')
  assert.deepEqual([rows[0].lane, await claimSlot(after, 'shared')], [0, 1])
  await Promise.all([before.query('ROLLBACK'), after.query('ROLLBACK')])
})

test('two deploys at once take their turn', async () => {
  const other = await scratch.connect()
  const options = { datasets: [dataset('twice', base)], stagingSlots: 1, loader: undefined, today }
  const both = await Promise.all([migrateDatabase(db, options), migrateDatabase(other, options)])
  assert.equal(both.flat().filter((a) => a === 'twice: create-table').length, 1)
})

test('the loader’s role can load and can do nothing else', async () => {
  const { host, port } = db
  const loader = { username: `loader_${process.pid}`, password: 'only for this test' }
  await migrateDatabase(db, { datasets: [dataset('guarded', base)], stagingSlots: 1, loader, today })
  await db.query(`ALTER DATABASE ${db.database} SET extra_float_digits = -3; ALTER DATABASE ${db.database} SET statement_timeout = 1000`)
  const pgModule = await import('pg')
  const client = new pgModule.default.Client({
    host,
    port,
    user: loader.username,
    password: loader.password,
    database: db.database as string,
  })
  await client.connect()
  try {
    await client.query('SELECT slot FROM millrace.staging_slot FOR UPDATE')
    await client.query('SELECT lane FROM millrace.lane FOR UPDATE')
    await client.query('TRUNCATE millrace.staging_guarded_0')
    await client.query("INSERT INTO guarded VALUES (1, 'a', NULL) ON CONFLICT (id) DO NOTHING")
    const third = await client.query('SELECT (1::float8 / 3)::text AS third')
    assert.equal(third.rows[0].third, '0.3333333333333333', 'rows that Postgres refused would come back rounded')
    const { rows } = await client.query('SHOW statement_timeout')
    assert.deepEqual(rows, [{ statement_timeout: '15min' }], 'a COPY would be cut short')
    await assert.rejects(client.query('DELETE FROM guarded'), /permission denied/)
    await assert.rejects(client.query("UPDATE guarded SET name = 'b'"), /permission denied/)
    await assert.rejects(client.query('CREATE TABLE public.mine ()'), /permission denied/)
  } finally {
    await client.end()
    await db.query(`ALTER DATABASE ${db.database} RESET extra_float_digits; ALTER DATABASE ${db.database} RESET statement_timeout`)
    await db.query(`DROP OWNED BY "${loader.username}"; DROP ROLE "${loader.username}"`)
  }
})
