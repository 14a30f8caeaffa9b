import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bigint } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { items, lines } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const people = dataset('people', {
  description: 'a test',
  columns: { id: bigint(), boss: bigint({ nullable: true }) },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
const { db, connect, count } = await scratchTables([items, people])

const pipeline = () => new Pipeline(items, connect)

for (const strategy of ['direct', 'probed', 'staged'] as const)
  test(`rows that only Postgres can judge are found one by one; their neighbours load (${strategy})`, async () => {
    await db.query('ALTER TABLE items ADD CONSTRAINT no_sevens CHECK (id % 7 <> 0 OR id = 0)')
    try {
      const p = pipeline()
      p.strategy = strategy
      const load = p.open(Buffer.from(lines(100).join('\n')), 'ndjson', 'none', 100_000)
      await p.drain(1)
      assert.deepEqual(p.receipt(load.id).rows, { received: 100, loaded: 86, updated: 0, duplicate: 0, rejected: 14, pending: 0 })
      const [first] = p.rejectsOf(load.id)
      assert.deepEqual(
        { ...first, message: undefined },
        {
          line: 8,
          offset: Buffer.byteLength(lines(7).join('\n')) + 1,
          column: null,
          code: 'sqlstate-23514',
          raw: '{"id":7,"name":"name 7"}',
          message: undefined,
          truncated: false,
        },
      )
    } finally {
      await db.query('ALTER TABLE items DROP CONSTRAINT no_sevens')
    }
  })

test('thousands of rows that break a CHECK or a foreign key are found at once, those of a trigger one by one', async () => {
  await db.query(`
    CREATE TABLE known (name text PRIMARY KEY); INSERT INTO known VALUES ('a'), ('b');
    ALTER TABLE items ADD CONSTRAINT even CHECK (id % 2 = 0), ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES known, ADD CONSTRAINT odd_math CHECK (100 / (id - 31) < 1000);
    CREATE FUNCTION no_thousands() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id % 1000 = 0 THEN RAISE EXCEPTION 'no thousands'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER no_thousands AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION no_thousands()`)
  try {
    const p = pipeline()
    const rows = Array.from({ length: 9000 }, (_, i) =>
      JSON.stringify({ id: i, name: i % 3 === 0 ? 'a' : i % 3 === 1 ? null : i % 5 === 0 ? 'c' : 'b' }),
    )
    const load = p.open(Buffer.from(rows.join('\n')), 'ndjson', 'none', 1 << 20)
    await p.drain(1)
    const codeOf = (i: number) =>
      i % 2 === 1 ? 'sqlstate-23514' : i % 3 === 2 && i % 5 === 0 ? 'sqlstate-23503' : i % 1000 === 0 ? 'sqlstate-P0001' : undefined
    const expected = new Map(rows.map((_, i) => [i + 1, codeOf(i)] as const).filter(([, code]) => code !== undefined))
    assert.deepEqual(
      new Map(
        p
          .rejectsOf(load.id)
          .sort((a, b) => a.line - b.line)
          .map((r) => [r.line, r.code]),
      ),
      expected,
    )
    assert.equal(p.receipt(load.id).rows.loaded, 9000 - expected.size)
    assert.equal(await count('items'), 9000 - expected.size)
  } finally {
    await db.query(
      'DROP TRIGGER no_thousands ON items; DROP FUNCTION no_thousands; ALTER TABLE items DROP CONSTRAINT even, DROP CONSTRAINT known, DROP CONSTRAINT odd_math; DROP TABLE known',
    )
  }
})

test('rows may refer to rows that come with them; a rule that is not enforced refuses none', async () => {
  await db.query(`
    ALTER TABLE people ADD CONSTRAINT boss FOREIGN KEY (boss) REFERENCES people, ADD CONSTRAINT adult CHECK (id <> 15),
      ADD CONSTRAINT unasked CHECK (id < 5) NOT ENFORCED`)
  const p = new Pipeline(people, connect)
  // Each ten are a chain from the last to the first; 15 is refused, and with it those that go back to it; 40 has no boss that exists.
  const rows = Array.from({ length: 50 }, (_, i) => ({ id: i, boss: i === 40 ? 1000 : i % 10 === 9 ? null : i + 1 }))
  const load = p.open(Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')), 'ndjson', 'none', 1 << 20)
  await p.drain(1)
  assert.deepEqual(p.failures, [])
  assert.deepEqual(
    p
      .rejectsOf(load.id)
      .map(({ line, code }) => [line - 1, code])
      .sort(([a], [b]) => Number(a) - Number(b)),
    [[10, 11, 12, 13, 14].map((id) => [id, 'sqlstate-23503']), [[15, 'sqlstate-23514']], [[40, 'sqlstate-23503']]].flat(),
  )
  assert.equal(await count('people'), 43)
})
