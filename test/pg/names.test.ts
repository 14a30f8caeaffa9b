import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Column, integer } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { Consumer } from '../support/consumer.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

/** What statements of the loader call things, words of SQL, and the letters that people call things. */
const words = `a added c changed chunk each excluded first fresh found inserted json k k0 key keys latest limit line lines merged n name names none offset
  old order other over place present r row rows s staged t table taken target there updated user value wanted x`
const names = words.split(/\s+/)
const columns: Record<string, Column> = Object.fromEntries(names.map((name) => [name, integer()]))
const shape = { description: 'a test', columns, primaryKey: ['key', 'staged'] } as const
const first = dataset('rows', { ...shape, onConflict: 'ignore' })
const last = dataset('target', { ...shape, onConflict: 'update', orderingKey: 'key' })
const newest = dataset('staged', { ...shape, onConflict: 'update', version: 'line' })
const all = [first, last, newest]

const { db, connect } = await scratchTables(all)
for (const { name } of all)
  await db.query(`
    CREATE TABLE "${name}_known" (r integer PRIMARY KEY); INSERT INTO "${name}_known" SELECT generate_series(0, 1000);
    ALTER TABLE "${name}" ADD CONSTRAINT "staged" CHECK (staged < 1000), ADD CONSTRAINT "r" FOREIGN KEY (r) REFERENCES "${name}_known"`)

/** Forty rows of 32 keys; two of them break a rule. */
const rows = Array.from({ length: 40 }, (_, i) => {
  const row: Record<string, number> = Object.fromEntries(names.map((name, at) => [name, (i + at) % 900]))
  return { ...row, key: i % 32, staged: i === 3 ? 1000 : 1, line: i, r: i === 5 ? 2000 : 0 }
})
const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const expected = new Map(rows.filter((_, i) => i !== 3 && i !== 5).map((row) => [row.key, row]))

for (const d of all)
  for (const strategy of ['direct', 'probed', 'staged', 'batch'] as const)
    test(`columns may have any name (table ${d.name}, ${strategy})`, async () => {
      let counts: number[]
      if (strategy === 'batch') {
        const consumer = new Consumer(all, connect)
        const records = consumer.batch(d, [text])
        assert.equal(await consumer.deliver(records), -1)
        counts = consumer.countsOf(records[0]!)[0]!
      } else {
        const p = new Pipeline(d, connect)
        p.strategy = strategy
        const { id } = p.open(Buffer.from(text), 'ndjson', 'none', 1 << 20)
        await p.drain(1)
        assert.deepEqual(p.failures, [])
        const { received, loaded, updated, duplicate, rejected } = p.receipt(id).rows
        counts = [received, loaded, updated, duplicate, rejected]
      }
      const again = 40 - 2 - expected.size
      assert.deepEqual(counts, [40, expected.size, d === last ? again : 0, d === last ? 0 : again, 2])
      const { rows: stored } = await db.query(`SELECT * FROM "${d.name}" ORDER BY key`)
      const wanted =
        d === first
          ? new Map(
              rows
                .filter((_, i) => i !== 3 && i !== 5)
                .reverse()
                .map((row) => [row.key, row]),
            )
          : expected
      assert.deepEqual(
        stored.map((row) => row.line),
        [...wanted.values()].sort((a, b) => a.key - b.key).map((row) => row.line),
      )
    })
