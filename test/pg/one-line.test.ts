import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bigint, integer } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

/** JSON arrays as most programs write them: all rows on one line, and no newline at the end. */
const columns = { id: bigint(), n: integer() }
const first = dataset('first', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'ignore' })
const last = dataset('last', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'update', orderingKey: 'id' })
const newest = dataset('newest', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'update', version: 'n' })

const { db, connect } = await scratchTables([first, last, newest])

const rows = Array.from({ length: 60 }, (_, i) => ({ id: i % 40, n: (i * 7) % 60 }))
const stored = async (d: Dataset) =>
  (await db.query<{ id: number; n: number }>(`SELECT id::int, n FROM ${d.name} ORDER BY id`)).rows.map(({ id, n }) => [id, n])
async function load(d: Dataset, strategy: 'direct' | 'probed' | 'staged', content: string) {
  const p = new Pipeline(d, connect)
  p.strategy = strategy
  const { id } = p.open(Buffer.from(content), 'json', 'none', 1 << 20)
  await p.drain(1)
  assert.deepEqual(p.failures, [])
  return { ...p.receipt(id), rejects: p.rejectsOf(id) }
}

for (const strategy of ['direct', 'probed', 'staged'] as const)
  for (const [how, content] of [
    ['one line', JSON.stringify(rows)],
    ['three lines', JSON.stringify(rows).replaceAll(/,(?=\{"id":(?:20|39),)/g, ',\n')],
  ])
    test(`an array on ${how} is loaded to its last row, of each key the right one (${strategy})`, async () => {
      for (const d of [first, last, newest]) {
        const best = new Map<number, number>()
        for (const { id, n } of rows) {
          const there = best.get(id)
          if (there === undefined || d === last || (d === newest && n > there)) best.set(id, n)
        }
        const receipt = await load(d, strategy, content!)
        assert.deepEqual([receipt.rows.received, receipt.rows.loaded], [60, 40], d.name)
        assert.deepEqual(
          await stored(d),
          [...best].sort(([a], [b]) => a - b),
          d.name,
        )
      }
    })

test('of an array on one line each row that Postgres refuses is found, and no other', async () => {
  await db.query(`
    ALTER TABLE first ADD CONSTRAINT small CHECK (n < 50);
    CREATE FUNCTION no_tens() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n % 10 = 0 THEN RAISE EXCEPTION 'no tens %', repeat('!', 5000); END IF; RETURN NEW; END $$;
    CREATE TRIGGER no_tens AFTER INSERT ON first FOR EACH ROW EXECUTE FUNCTION no_tens()`)
  try {
    const own = rows.map(({ n }, id) => ({ id, n }))
    const { rejects } = await load(first, 'direct', JSON.stringify(own))
    const bad = own.filter(({ n }) => n >= 50 || n % 10 === 0)
    const text = JSON.stringify(own)
    assert.deepEqual(
      rejects.sort((a, b) => a.offset - b.offset).map(({ line, offset, code, raw }) => [line, offset, code, raw]),
      bad.map((row) => [1, text.indexOf(JSON.stringify(row)), row.n >= 50 ? 'sqlstate-23514' : 'sqlstate-P0001', JSON.stringify(row)]),
    )
    assert.deepEqual(
      await stored(first),
      own.filter((row) => !bad.includes(row)).map(({ id, n }) => [id, n]),
    )
    for (const { message } of rejects) assert.ok(message.length < 1100)
  } finally {
    await db.query('DROP TRIGGER no_tens ON first; DROP FUNCTION no_tens; ALTER TABLE first DROP CONSTRAINT small')
  }
})
