import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { bigint, date, integer, text, uuid } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import type { Strategy } from '#platform/postgres/commit-chunk.ts'
import { items, latest, line, lines } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const newest = dataset('newest', {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 12 }), version: bigint() },
  primaryKey: ['id'],
  onConflict: 'update',
  version: 'version',
})
/** Keys of more than one part, of several types, in another order than the columns. */
const parted = dataset('parted', {
  description: 'a test',
  columns: { n: integer(), name: text({ nullable: true }), sensor: uuid(), day: date(), tag: text({ max: 20 }) },
  primaryKey: ['tag', 'sensor', 'day'],
  onConflict: 'ignore',
})
const named = dataset('named', {
  description: 'a test',
  columns: { n: integer(), name: text() },
  primaryKey: ['name'],
  onConflict: 'ignore',
})

const { db, connect, count } = await scratchTables([items, latest, newest, parted, named], { stagingSlots: 6 })

const pipeline = (d: Dataset = items) => new Pipeline(d, connect)
const stored = async (table: string) => (await db.query(`SELECT id::int, name FROM ${table} ORDER BY id`)).rows

test('policy update: the last row of a key wins in the order of the file, across chunks and inside one', async () => {
  const p = pipeline(latest)
  const rows = Array.from({ length: 600 }, (_, i) => line(i % 50, `v${i}`))
  const load = p.open(Buffer.from(rows.join('\n')), 'ndjson', 'none', 900)
  await p.drain(3)
  assert.deepEqual(p.receipt(load.id).rows, { received: 600, loaded: 50, updated: 550, duplicate: 0, rejected: 0, pending: 0 })
  assert.deepEqual(
    await stored('latest'),
    Array.from({ length: 50 }, (_, i) => ({ id: i, name: `v${550 + i}` })),
  )
})

test('policy update, killed again and again while chunks overlap: the last row of a key still wins', async () => {
  for (const keys of [40, 700]) {
    await db.query('TRUNCATE latest, millrace.ledger')
    const p = pipeline(latest)
    p.strategy = 'staged'
    const rows = Array.from({ length: 1400 }, (_, i) => line(i % keys, `v${i}`))
    const load = p.open(gzipSync(rows.join('\n')), 'ndjson', 'gzip', 1500)
    p.queue.push({ ...p.queue[0]! })
    let attempts = 0
    await p.drain(
      2,
      undefined,
      p.killed(db, () => attempts++ % 5 === 3),
    )
    assert.ok(p.failures.length > 0 && attempts > 20, 'nothing was killed')
    const counts = p.receipt(load.id).rows
    assert.deepEqual(counts, { received: 1400, loaded: keys, updated: 1400 - keys, duplicate: 0, rejected: 0, pending: 0 })
    const expected = Array.from({ length: keys }, (_, id) => ({ id, name: `v${id + keys * Math.floor((1399 - id) / keys)}` }))
    assert.deepEqual(await stored('latest'), expected)
  }
})

test('with a version the newest row of a key stays, whatever the order of chunks, rows and loads; older ones are duplicates', async () => {
  const p = pipeline(newest)
  const rows = Array.from({ length: 900 }, (_, i) => ({ id: i % 60, version: (i * 7919) % 901, name: `v${(i * 7919) % 901}` }))
  const loads = [rows.slice(0, 500), rows.slice(500), rows.slice(200, 700)].map((part) =>
    p.open(Buffer.from(part.map((r) => JSON.stringify({ id: r.id, name: r.name, version: r.version })).join('\n')), 'ndjson', 'none', 1200),
  )
  assert.ok(p.queue.every((job) => job.mode === 'range'))
  p.queue.sort(() => 0.5 - Math.random())
  await p.drain(3)
  const counts = loads.map((l) => p.receipt(l.id))
  assert.ok(counts.every((r) => r.state === 'complete' && r.reconciles))
  assert.equal(
    counts.reduce((n, r) => n + r.rows.loaded, 0),
    60,
  )
  assert.equal(
    counts.reduce((n, r) => n + r.rows.received, 0),
    1400,
  )
  const best = new Map<number, number>()
  for (const r of rows) best.set(r.id, Math.max(best.get(r.id) ?? -1, r.version))
  assert.deepEqual(
    await stored('newest'),
    [...best].sort(([a], [b]) => a - b).map(([id, v]) => ({ id, name: `v${v}` })),
  )
})

test('concurrent loads of overlapping rows: no deadlock survives, and the counts add up', async () => {
  const p = pipeline()
  const shuffled = (seed: number) => lines(1500).sort((a, b) => ((a.length * seed) % 7) - ((b.length * seed) % 7) || (a < b ? seed : -seed))
  const loads = [1, 2, 3].map((seed) => p.open(Buffer.from(shuffled(seed).join('\n')), 'ndjson', 'none', 6000))
  await p.drain(3)
  const receipts = loads.map((l) => p.receipt(l.id))
  assert.ok(receipts.every((r) => r.state === 'complete' && r.reconciles && r.rows.received === 1500))
  assert.equal(
    receipts.reduce((n, r) => n + r.rows.loaded, 0),
    1500,
  )
  assert.equal(await count('items'), 1500)
})

const sensors = ['00000000-0000-4000-8000-000000000001', 'ffffffff-ffff-4fff-bfff-ffffffffffff']
/** Datasets with a row of each of a few keys. */
const keyed: readonly { readonly of: Dataset; readonly keys: number; readonly row: (key: number, n: number) => object }[] = [
  { of: items, keys: 40, row: (id, n) => ({ id, name: `v${n}` }) },
  { of: named, keys: 40, row: (key, n) => ({ n, name: key % 3 === 0 ? 'é'.repeat(key) : `k${key}` }) },
  {
    of: parted,
    keys: 40,
    row: (key, n) => ({ n, name: null, sensor: sensors[key & 1], day: `2026-01-${10 + ((key >> 1) & 3)}`, tag: `t${key >> 3}` }),
  },
]

for (const { of, keys, row } of keyed)
  test(`whatever the strategy, the first row of a key stays and every other one is a duplicate (${of.name})`, async () => {
    const arrivals = fc.array(fc.integer({ min: 0, max: keys - 1 }), { minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(arrivals, arrivals),
        fc.constantFrom<(Strategy | undefined)[]>('direct', 'probed', 'staged', undefined),
        fc.integer({ min: 40, max: 3000 }),
        async (loads, strategy, chunkSize) => {
          await db.query(`TRUNCATE ${of.name}`)
          const p = pipeline(of)
          p.strategy = strategy
          const first = new Map<number, object>()
          let n = 0
          for (const arrived of loads) {
            const before = first.size
            const rows = arrived.map((key) => {
              const made = row(key, n++)
              if (!first.has(key)) first.set(key, made)
              return made
            })
            const load = p.open(Buffer.from(rows.map((r) => JSON.stringify(r)).join('\n')), 'ndjson', 'none', chunkSize)
            await p.drain(1)
            const loaded = first.size - before
            const counts = { received: rows.length, loaded, updated: 0, duplicate: rows.length - loaded, rejected: 0, pending: 0 }
            assert.deepEqual(p.receipt(load.id).rows, counts)
          }
          const found = (await db.query(`SELECT row_to_json(t)::text AS row FROM ${of.name} AS t`)).rows.map((r) => JSON.parse(r.row))
          const sorted = (rows: Iterable<object>) => Array.from(rows, (r) => JSON.stringify(Object.entries(r).sort())).sort()
          assert.deepEqual(sorted(found), sorted(first.values()))
        },
      ),
      { numRuns: 60 },
    )
  })

test('a key that somebody else inserts between the look and the COPY is a duplicate all the same', async () => {
  const other = await connect()
  const p = pipeline()
  p.strategy = 'probed'
  const load = p.open(Buffer.from(lines(1000).join('\n')), 'ndjson', 'none', 1 << 20)
  await other.query("BEGIN; INSERT INTO items VALUES (500, 'theirs')")
  const done = p.drain(1)
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COPY%' AND datname = current_database()"
  while ((await db.query(waiting)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await other.query('COMMIT')
  await done
  assert.deepEqual(p.receipt(load.id).rows, { received: 1000, loaded: 999, updated: 0, duplicate: 1, rejected: 0, pending: 0 })
  assert.deepEqual((await db.query('SELECT name FROM items WHERE id = 500')).rows, [{ name: 'theirs' }])
})

/** The numbers from 0 to n - 1 in an order of its own for each seed. */
function shuffled(n: number, seed: number): number[] {
  const all = Array.from({ length: n }, (_, i) => i)
  let state = seed
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const j = state % (i + 1)
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

for (const d of [items, latest, newest])
  test(`five loaders, eight loads of the same keys in other orders at once (${d.name}): counts are exact, and no row is lost`, async () => {
    const [keys, loads, each] = [20_000, 8, 12_000]
    const p = pipeline(d)
    p.strategy = undefined
    p.mostFailures = 400
    const wanted = new Map<number, number>()
    const opened = Array.from({ length: loads }, (_, l) => {
      // A few keys come twice in a load, many in several loads.
      const ids = [...shuffled(keys, l + 1).slice(0, each - 100), ...shuffled(keys, l + 1).slice(0, 100)]
      const rows = ids.map((id, i) => {
        const version = (i * 7919 + l * 104_729) % 1_000_003
        wanted.set(id, Math.max(wanted.get(id) ?? -1, version))
        return JSON.stringify({ id, name: `v${version}`, ...(d === newest ? { version } : {}) })
      })
      return p.open(Buffer.from(rows.join('\n')), 'ndjson', 'none', 50_000)
    })
    p.queue.sort((a, b) => a.chunk - b.chunk)
    await p.drain(5)
    const receipts = opened.map((load) => p.receipt(load.id))
    assert.ok(receipts.every((r) => r.state === 'complete' && r.reconciles && r.rows.received === each))
    const sum = (outcome: 'loaded' | 'updated' | 'duplicate') => receipts.reduce((n, r) => n + r.rows[outcome], 0)
    assert.deepEqual([sum('loaded'), await count(d.name)], [wanted.size, wanted.size])
    if (d === items) assert.deepEqual([sum('updated'), sum('duplicate')], [0, loads * each - wanted.size])
    if (d === latest) assert.deepEqual([sum('updated'), sum('duplicate')], [loads * each - wanted.size, 0])
    if (d === newest)
      assert.deepEqual(
        await stored(d.name),
        [...wanted].sort(([a], [b]) => a - b).map(([id, version]) => ({ id, name: `v${version}` })),
      )
  })
