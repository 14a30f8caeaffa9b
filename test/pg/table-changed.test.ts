import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, bigint, date, doublePrecision, integer, numeric, text, timestamptz } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import type { Format } from '#core/rows/encoding.ts'
import type { Strategy } from '#platform/postgres/commit-chunk.ts'
import { Consumer } from '../support/consumer.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const n = { nullable: true } as const
const columns = {
  id: bigint(),
  reading: integer(n),
  total: bigint(n),
  price: numeric({ precision: 12, scale: 2, ...n }),
  exact: numeric(n),
  ratio: doublePrecision(n),
  at: timestamptz(n),
  note: text(n),
  short: text({ max: 8, ...n }),
  tags: array(text(), n),
}
const meters = dataset('meters', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'ignore' })
const gauges = dataset('gauges', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'update', orderingKey: 'id' })
const tanks = dataset('tanks', {
  description: 'a test',
  columns: { ...columns, total: bigint() },
  primaryKey: ['id'],
  onConflict: 'update',
  version: 'total',
})
const daily = dataset('daily', {
  description: 'a test',
  columns: { id: bigint(), day: date() },
  primaryKey: ['id', 'day'],
  onConflict: 'ignore',
  partitionBy: { column: 'day', every: 'day', past: 1, ahead: 1 },
})
const today = new Date('2026-01-02T12:00:00Z')
const { db, connect, count } = await scratchTables([meters, gauges, tanks, daily], { today })

const rows = [
  {
    id: 1,
    reading: 42,
    total: 4200,
    price: 1.25,
    exact: '0.123456789',
    ratio: 0.5,
    at: '2026-01-02T03:04:05.678901Z',
    note: 'a',
    short: 'b  ',
  },
  { id: 2, reading: -7, total: -1, price: -3.5, exact: 7, ratio: 2, at: null, note: null, short: null, tags: ['x', 'y'] },
]
const ndjson = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const csv = ['id,reading,total\n', '1,42,4200\n', '2,-7,-1\n'].join('')
const dailyRows = '{"id":1,"day":"2026-01-02"}\n{"id":2,"day":"2026-01-02"}\n'

interface Ended {
  readonly state: string
  readonly code: string | undefined
  readonly detail: string
  readonly loaded: number
}
async function asFile(d: Dataset, strategy: Strategy = 'direct', content = ndjson, format: Format = 'ndjson'): Promise<Ended> {
  const p = new Pipeline(d, connect)
  p.strategy = strategy
  p.mostFailures = 0
  const { id } = p.open(Buffer.from(content), format, 'none', 1 << 24)
  await p.drain(1)
  const { state, problem, rows: counts } = p.receipt(id)
  return { state, code: problem?.code, detail: problem?.detail ?? '', loaded: counts.loaded + counts.updated }
}

/** Runs with the table altered, and alters it back. */
async function altered(sql: string, back: string, run: () => Promise<void>): Promise<void> {
  await db.query(sql)
  try {
    await run()
  } finally {
    await db.query(back)
  }
}
const alter = (d: Dataset, column: string, type: string, back: string): [string, string] => [
  `ALTER TABLE ${d.name} ALTER COLUMN ${column} TYPE ${type}`,
  `ALTER TABLE ${d.name} ALTER COLUMN ${column} TYPE ${back} USING ${column}::text::${back}`,
]

const changes: readonly (readonly [column: string, found: string, declared: string])[] = [
  ['reading', 'real', 'integer'],
  ['reading', 'bigint', 'integer'],
  ['reading', 'numeric', 'integer'],
  ['reading', 'text', 'integer'],
  ['total', 'double precision', 'bigint'],
  ['total', 'numeric', 'bigint'],
  ['price', 'numeric(12,1)', 'numeric(12,2)'],
  ['exact', 'numeric(20,3)', 'numeric'],
  ['ratio', 'real', 'double precision'],
  ['at', 'timestamp(0) with time zone', 'timestamp with time zone'],
  ['note', 'character varying(3)', 'text'],
  ['short', 'character(8)', 'character varying(8)'],
  ['tags', 'character varying[]', 'text[]'],
]

for (const d of [meters, gauges, tanks])
  test(`${d.name}: another type is named and nothing is stored, whatever the strategy`, async () => {
    for (const [column, found, declared] of changes)
      await altered(...alter(d, column, found, declared), async () => {
        for (const strategy of ['direct', 'probed', 'staged'] as const) {
          const { state, code, detail } = await asFile(d, strategy)
          assert.deepEqual([state, code], ['failed', 'table-changed'], `${column} ${found} ${strategy}`)
          assert.ok(detail.includes(`column "${column}" is ${found}; the dataset declares ${declared}`), detail)
        }
        assert.equal(await count(d.name), 0)
      })
    assert.deepEqual(await asFile(d), { state: 'complete', code: undefined, detail: '', loaded: 2 })
  })

test('CSV and the array of JSON end likewise', async () => {
  await altered(...alter(meters, 'total', 'double precision', 'bigint'), async () => {
    assert.equal((await asFile(meters, 'direct', csv, 'csv')).code, 'table-changed')
    assert.equal((await asFile(meters, 'direct', JSON.stringify(rows), 'json')).code, 'table-changed')
  })
})

test('what is harmless goes on, and every value arrives', async () => {
  const harmless: readonly [string, string][] = [
    alter(meters, 'note', 'varchar', 'text'),
    alter(meters, 'short', 'text', 'varchar(8)'),
    alter(meters, 'short', 'varchar(20)', 'varchar(8)'),
    alter(meters, 'price', 'numeric(14,4)', 'numeric(12,2)'),
    alter(meters, 'price', 'numeric', 'numeric(12,2)'),
    ['ALTER TABLE meters ADD COLUMN extra text', 'ALTER TABLE meters DROP COLUMN extra'],
    ["ALTER TABLE meters ADD COLUMN extra text NOT NULL DEFAULT 'x'", 'ALTER TABLE meters DROP COLUMN extra'],
    ['ALTER TABLE meters ADD COLUMN twice integer GENERATED ALWAYS AS (reading * 2) STORED', 'ALTER TABLE meters DROP COLUMN twice'],
    ['ALTER TABLE meters ALTER COLUMN id SET DEFAULT 1', 'ALTER TABLE meters ALTER COLUMN id DROP DEFAULT'],
    [
      'CREATE DOMAIN amount AS bigint; ALTER TABLE meters ALTER total TYPE amount',
      'ALTER TABLE meters ALTER total TYPE bigint; DROP DOMAIN amount',
    ],
  ]
  for (const [sql, back] of harmless)
    await altered(sql, back, async () => {
      await db.query('TRUNCATE meters')
      assert.deepEqual(await asFile(meters), { state: 'complete', code: undefined, detail: '', loaded: 2 }, sql)
      const { rows: stored } = await db.query(
        'SELECT id::int, reading, total::int, price::float, exact::text, ratio, at, note, short FROM meters ORDER BY id',
      )
      assert.deepEqual(stored, [
        {
          id: 1,
          reading: 42,
          total: 4200,
          price: 1.25,
          exact: '0.123456789',
          ratio: 0.5,
          at: new Date('2026-01-02T03:04:05.678Z'),
          note: 'a',
          short: 'b  ',
        },
        { id: 2, reading: -7, total: -1, price: -3.5, exact: '7', ratio: 2, at: null, note: null, short: null },
      ])
    })
})

test('NOT NULL that was added refuses row by row', () =>
  altered('ALTER TABLE meters ALTER note SET NOT NULL', 'ALTER TABLE meters ALTER note DROP NOT NULL', async () => {
    assert.deepEqual(await asFile(meters), { state: 'complete', code: undefined, detail: '', loaded: 1 })
  }))

const shapes: readonly (readonly [what: string, sql: string, back: string, code: string, said: RegExp])[] = [
  [
    'renamed column',
    'ALTER TABLE meters RENAME total TO sum',
    'ALTER TABLE meters RENAME sum TO total',
    'table-changed',
    /column "total" is missing/,
  ],
  ['dropped column', 'ALTER TABLE meters DROP note', 'ALTER TABLE meters ADD note text', 'table-changed', /column "note" is missing/],
  [
    'column without default',
    'ALTER TABLE meters ADD must text NOT NULL',
    'ALTER TABLE meters DROP must',
    'table-changed',
    /"must" \(text\) demands a value/,
  ],
  [
    'generated column',
    'ALTER TABLE meters DROP note, ADD note text GENERATED ALWAYS AS (short) STORED',
    'ALTER TABLE meters DROP note, ADD note text',
    'table-changed',
    /"note" is generated/,
  ],
  [
    'renamed table',
    'ALTER TABLE meters RENAME TO metres',
    'ALTER TABLE metres RENAME TO meters',
    'table-missing',
    /public\."meters" is not there/,
  ],
  [
    'view',
    'ALTER TABLE meters RENAME TO metres; CREATE VIEW meters AS SELECT * FROM metres',
    'DROP VIEW meters; ALTER TABLE metres RENAME TO meters',
    'table-changed',
    /it is a view/,
  ],
  [
    'foreign table',
    'ALTER TABLE meters RENAME TO metres; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE meters (id bigint) SERVER s',
    'DROP FOREIGN DATA WRAPPER w CASCADE; ALTER TABLE metres RENAME TO meters',
    'table-refused',
    /42809/,
  ],
  ['unlogged', 'ALTER TABLE meters SET UNLOGGED', 'ALTER TABLE meters SET LOGGED', 'table-changed', /it is unlogged/],
  [
    'no key',
    'ALTER TABLE meters DROP CONSTRAINT meters_pkey',
    'ALTER TABLE meters ADD PRIMARY KEY (id)',
    'table-changed',
    /no unique index on \(id\)/,
  ],
  [
    'another key',
    'ALTER TABLE meters DROP CONSTRAINT meters_pkey, ADD PRIMARY KEY (id, total)',
    'ALTER TABLE meters DROP CONSTRAINT meters_pkey, ADD PRIMARY KEY (id), ALTER total DROP NOT NULL',
    'table-changed',
    /no unique index on \(id\)/,
  ],
  [
    'trigger whose function fails',
    'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nothing_there(); RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON meters FOR EACH ROW EXECUTE FUNCTION f()',
    'DROP FUNCTION f CASCADE',
    'table-refused',
    /nothing_there/,
  ],
]
for (const [what, sql, back, code, said] of shapes)
  test(`${what}: a file ends as failed, records of the stream are parked, and others load`, () =>
    altered(sql, back, async () => {
      const ended = await asFile(meters)
      assert.deepEqual([ended.state, ended.code, ended.loaded], ['failed', code, 0])
      assert.match(ended.detail, said)
      const consumer = new Consumer([meters, gauges], connect)
      const records = [...consumer.batch(meters, [ndjson]), ...consumer.batch(gauges, [ndjson])]
      assert.equal(await consumer.deliver(records), -1)
      assert.deepEqual([consumer.parking.marks.get('meters')?.code, consumer.parking.objects.size], [ended.code, 1])
      assert.equal(consumer.receiptOf(records[0]!).waiting?.code, ended.code)
      assert.deepEqual(consumer.setAside, [])
      assert.equal(await count('gauges'), 2)
      await db.query('TRUNCATE gauges')
    }))

test('rows that a publication does not let be updated', () =>
  altered(
    'ALTER TABLE gauges REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE gauges',
    'DROP PUBLICATION p; ALTER TABLE gauges REPLICA IDENTITY DEFAULT',
    async () => {
      assert.equal((await asFile(gauges)).state, 'complete')
      const { code, detail } = await asFile(gauges, 'staged')
      assert.equal(code, 'table-refused')
      assert.match(detail, /55000/)
    },
  ))

test('partitions that are unlogged', () =>
  altered('ALTER TABLE daily_20260102 SET UNLOGGED', 'ALTER TABLE daily_20260102 SET LOGGED', async () => {
    const { code, detail } = await asFile(daily, 'direct', dailyRows)
    assert.equal(code, 'table-changed')
    assert.match(detail, /partition daily_20260102 is unlogged/)
  }))

test('a staging table that was altered', () =>
  altered(
    'ALTER TABLE millrace.staging_meters_0 ALTER reading TYPE real',
    'ALTER TABLE millrace.staging_meters_0 ALTER reading TYPE integer',
    async () => {
      const { code, detail } = await asFile(meters, 'staged')
      assert.equal(code, 'table-changed')
      assert.match(detail, /staging table millrace\."staging_meters_0"/)
      assert.equal((await asFile(meters, 'direct')).state, 'complete')
    },
  ))

test('nobody alters the table between the look and the commit', async () => {
  const [owner, p] = [await connect(), new Pipeline(meters, connect)]
  p.open(Buffer.from(ndjson), 'ndjson', 'none', 1 << 24)
  let altering: Promise<unknown> | undefined
  await p.drain(1, undefined, (deps) => ({
    ...deps,
    commitChunk: (load, d, place, read, turn, timeLeft) =>
      deps.commitChunk(
        load,
        d,
        place,
        async (sink, lead, ...more) => {
          // The look is done. Whoever alters the table now waits for the commit.
          altering = owner.query('ALTER TABLE meters ALTER total TYPE double precision')
          await new Promise((resolve) => setTimeout(resolve, 100))
          return read(sink, lead, ...more)
        },
        turn,
        timeLeft,
      ),
  }))
  await altering
  const { rows: stored } = await db.query('SELECT total FROM meters ORDER BY id')
  assert.deepEqual(stored, [{ total: 4200 }, { total: -1 }])
  assert.equal((await asFile(meters)).code, 'table-changed')
  await db.query('ALTER TABLE meters ALTER total TYPE bigint')
})

test('a chunk that was committed before the table changed is known, and not judged', async () => {
  const p = new Pipeline(meters, connect)
  const load = p.open(Buffer.from(ndjson), 'ndjson', 'none', 1 << 24)
  const job = p.queue[0]!
  await p.drain(1, undefined, (deps) => ({ ...deps, projectChunk: async () => undefined, finishLoad: async () => undefined }))
  await altered(...alter(meters, 'total', 'double precision', 'bigint'), async () => {
    p.queue.push(job)
    await p.drain(1)
    assert.equal(p.receipt(load.id).state, 'complete')
  })
})
