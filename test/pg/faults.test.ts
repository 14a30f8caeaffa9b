import assert from 'node:assert/strict'
import { test } from 'node:test'
import type pg from 'pg'
import { scratchDatabase } from '../support/scratch-database.ts'

process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT'
process.env.POWERTOOLS_METRICS_DISABLED ??= 'true'
const { play } = await import('../support/faults/play.ts')

/**
 * Door, event source and consumer with something going wrong at every step: support/faults/play.ts. `npm run faults` plays any size and seed.
 * SEED=... plays one run here again; RUNS=50 plays more of them.
 */
const first = process.env.SEED ? Number(process.env.SEED) : Math.floor(Math.random() * 2 ** 30)
const runs = process.env.SEED ? 1 : Number(process.env.RUNS ?? 4)

test('whatever fails: every accepted row is in its table once or rejected once, in order, and every receipt adds up', async (t) => {
  const total: Record<string, number> = {}
  for (let seed = first; seed < first + runs; seed++) {
    await using database = await scratchDatabase()
    const { broken, rows, batches, invocations, faults } = await play({ database: database.url, rows: 8000, seed })
    assert.deepEqual(broken, [], `SEED=${seed} plays it again`)
    for (const [what, count] of Object.entries({ rows, batches, invocations, ...faults })) total[what] = (total[what] ?? 0) + count
  }
  t.diagnostic(JSON.stringify(total))
})

test('a run can fail: one value that was changed', async () => {
  await using database = await scratchDatabase()
  const sabotage = (db: pg.Client) =>
    db.query(`UPDATE loose SET doc = '{"k": 0}' WHERE (stream, n) = (SELECT stream, n FROM loose ORDER BY stream, n LIMIT 1)`)
  const { broken } = await play({ database: database.url, rows: 1000, seed: first, sabotage })
  assert.match(broken.join('\n'), /^loose, stream \d+, row \d+: doc is \{"k": 0\}, not /, `SEED=${first}`)
})
