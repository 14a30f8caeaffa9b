import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { bigint, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import type { Compression, Format } from '#core/rows/encoding.ts'
import type { Strategy } from '#platform/postgres/commit-chunk.ts'
import { items, latest } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const versioned = dataset('versioned', {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 12 }), at: bigint() },
  primaryKey: ['id'],
  onConflict: 'update',
  version: 'at',
})
const { db, connect, count } = await scratchTables([items, latest, versioned])

/** What Postgres is busy with for loaders; the connection that asks is not one. */
const busy = async (): Promise<number> =>
  Number(
    (
      await db.query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state = 'active'",
      )
    ).rows[0].count,
  )

/** Every row that is written takes 2 ms: far more than the invocations have time for. */
async function slowly(table: string, when: 'BEFORE' | 'AFTER', work: () => Promise<void>): Promise<void> {
  await db.query(`CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN new; END'`)
  await db.query(`CREATE TRIGGER slow ${when} INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION slow()`)
  try {
    await work()
  } finally {
    await db.query(`DROP TRIGGER slow ON ${table}`)
  }
}

const seconds = (time: number) => () => {
  const began = performance.now()
  return () => 1000 * time - (performance.now() - began)
}

const n = 1200
const ids = Array.from({ length: n }, (_, i) => i)
const asNdjson = () => Buffer.from([...ids.map((id) => JSON.stringify({ id, name: `n${id}` })), 'bad'].join('\n'))
const withVersions = () => Buffer.from([...ids.map((id) => JSON.stringify({ id, name: `n${id}`, at: 1 })), 'bad'].join('\n'))
const asCsv = () => Buffer.from(['id,name', ...ids.map((id) => `${id},"n\n${id}"`), 'bad'].join('\n'))
const asParquet = () =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'id', data: [...ids, -1].map(BigInt), type: 'INT64' },
        { name: 'name', data: [...ids.map((id) => `n${id}`), 'far too long a name'], type: 'STRING' },
      ],
      rowGroupSize: 500,
    }),
  )

const cases: readonly [what: string, Dataset, Format, Compression, () => Buffer, 'BEFORE' | 'AFTER', Strategy, lastLine: number][] = [
  ['NDJSON', items, 'ndjson', 'none', asNdjson, 'BEFORE', 'direct', n + 1],
  ['NDJSON with a trigger after its rows', items, 'ndjson', 'none', asNdjson, 'AFTER', 'probed', n + 1],
  ['CSV', items, 'csv', 'none', asCsv, 'AFTER', 'direct', 2 * n + 2],
  ['Parquet', items, 'parquet', 'none', asParquet, 'BEFORE', 'staged', n + 1],
  ['NDJSON in gzip', items, 'ndjson', 'gzip', () => gzipSync(asNdjson()), 'BEFORE', 'direct', n + 1],
  ['policy update: CSV in order', latest, 'csv', 'none', asCsv, 'BEFORE', 'staged', 2 * n + 2],
  ['policy update: Parquet in order', latest, 'parquet', 'none', asParquet, 'AFTER', 'staged', n + 1],
  ['a version', versioned, 'ndjson', 'none', withVersions, 'AFTER', 'staged', n + 1],
]

for (const [what, target, format, compression, body, when, strategy, lastLine] of cases)
  test(`${what}: a slow table takes a chunk part by part, every row once`, () =>
    slowly(target.name, when, async () => {
      const p = new Pipeline(target, connect)
      p.strategy = strategy
      p.pieceBytes = 4096
      p.invocation = seconds(1.6)
      const content = body()
      const load = p.open(content, format, compression, compression === 'none' ? Math.ceil(content.length / 2) : 10_000)
      await p.drain(2)
      const receipt = p.receipt(load.id)
      assert.deepEqual(p.failures, [])
      assert.deepEqual([receipt.state, receipt.problem, receipt.reconciles], ['complete', null, true])
      assert.deepEqual(receipt.rows, { received: n + 1, loaded: n, updated: 0, duplicate: 0, rejected: 1, pending: 0 })
      assert.equal(receipt.checksum.loaded, receipt.checksum.uploaded)
      assert.equal(receipt.chunks.committed, receipt.chunks.planned)
      const [row] = p.rejectsOf(load.id)
      assert.equal(row?.line, lastLine)
      assert.equal(await count(target.name), n)
      const parts = p.partsOf(load.id)
      assert.ok(parts.filter((part) => part.more).length > 2, `${parts.length} parts`)
      const { rows } = await db.query('SELECT received::int FROM millrace.ledger WHERE load = $1 ORDER BY chunk, part', [load.id])
      assert.deepEqual(
        rows.map(({ received }) => received),
        parts.map(({ received }) => received),
      )
      assert.equal(await busy(), 0)
    }))

test('the last row of a key wins, whatever parts the file is committed in', () =>
  slowly('latest', 'BEFORE', async () => {
    const p = new Pipeline(latest, connect)
    p.strategy = undefined
    p.invocation = seconds(1.6)
    const content = Buffer.from(Array.from({ length: 900 }, (_, i) => JSON.stringify({ id: i % 150, name: `n${i}` })).join('\n'))
    const load = p.open(content, 'ndjson', 'none', 10_000)
    await p.drain(1)
    assert.deepEqual([p.receipt(load.id).state, p.failures], ['complete', []])
    const { rows } = await db.query('SELECT id::int, name FROM latest ORDER BY id')
    assert.deepEqual(
      rows,
      Array.from({ length: 150 }, (_, id) => ({ id, name: `n${750 + id}` })),
    )
  }))

test('a statement that is given up ends on the server, and the next try commits less', () =>
  slowly('items', 'AFTER', async () => {
    const p = new Pipeline(items, connect)
    p.invocation = seconds(1.6)
    const load = p.open(asNdjson(), 'ndjson', 'none', 1_000_000)
    const sent: (number | undefined)[] = []
    await p.drain(1, undefined, (deps) => ({
      ...deps,
      sendChunks: async (jobs, traceparent) => {
        // Whoever had the message is at its end: nothing of its work is left on the server.
        assert.equal(await busy(), 0)
        const all = [...jobs]
        sent.push(...all.map(({ rows }) => rows))
        await deps.sendChunks(all, traceparent)
      },
    }))
    assert.equal(p.receipt(load.id).state, 'complete')
    assert.equal(sent[0], Math.floor((n + 1) / 8))
  }))

test('a table that cannot take one row in the time there is fails as before, and is not tried without end', async () => {
  await db.query(`CREATE OR REPLACE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN new; END'`)
  await db.query('CREATE TRIGGER stuck BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION stuck()')
  try {
    const p = new Pipeline(items, connect)
    p.mostFailures = 1
    p.invocation = seconds(0.4)
    p.open(asNdjson(), 'ndjson', 'none', 1_000_000)
    await assert.rejects(p.drain(1), /not committed in the time/)
    assert.equal(await busy(), 0)
    assert.equal(await count('items'), 0)
  } finally {
    await db.query('DROP TRIGGER stuck ON items')
  }
})

test('whatever parts, kills and clocks: every row once, its line right, every byte read', async () => {
  const seen = { parts: 0, failures: 0 }
  const encodings: readonly [Format, Compression][] = [
    ['ndjson', 'none'],
    ['ndjson', 'gzip'],
    ['csv', 'none'],
    ['csv', 'gzip'],
    ['json', 'none'],
    ['parquet', 'none'],
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...encodings),
      fc.boolean(),
      fc.array(fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) }, { weight: 1, arbitrary: fc.constant(undefined) }), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 20, max: 600 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 0, max: 8 }),
      // With bias, small numbers and so kills would come far more often than their share says.
      fc.infiniteStream(fc.noBias(fc.integer({ min: 0, max: 99 }))),
      async ([format, compression], ordered, keys, rows, chunkSize, pieceBytes, kills, chance) => {
        const target = ordered ? latest : items
        await db.query('TRUNCATE items, latest, millrace.ledger')
        const dies = (share = kills) => chance.next().value! < share
        const p = new Pipeline(target, connect)
        p.strategy = chance.next().value! < 50 ? 'staged' : 'direct'
        p.pieceBytes = pieceBytes
        p.mostFailures = 300
        p.invocation = () => {
          let left = 100_000
          return () => {
            left -= chance.next().value! * 100
            return left
          }
        }
        const content = textOf(format, keys)
        const load = p.open(compression === 'gzip' ? gzipSync(content) : content, format, compression, chunkSize)
        p.queue.splice(0, p.queue.length, ...p.queue.map((job) => ({ ...job, rows })))
        await p.drain(2, undefined, (deps) => ({
          ...p.killed(db, () => dies())(deps),
          projectChunk: async (of, result) => {
            if (dies()) throw new Error('killed before it was shown')
            await deps.projectChunk(of, result)
            if (dies()) throw new Error('killed after it was shown')
          },
          sendChunks: async (jobs, traceparent) => {
            await deps.sendChunks(jobs, traceparent)
            if (dies()) throw new Error('killed after the rest was queued')
          },
        }))
        seen.parts += p.partsOf(load.id).filter(({ more }) => more).length
        seen.failures += p.failures.length
        const good = keys.filter((key) => key !== undefined)
        const wanted = new Set(good)
        const { state, problem, reconciles, rows: counts, checksum, chunks } = p.receipt(load.id)
        assert.deepEqual([state, problem, reconciles, checksum.loaded], ['complete', null, true, checksum.uploaded])
        assert.equal(chunks.committed, chunks.planned)
        const repeated = good.length - wanted.size
        assert.deepEqual(counts, {
          received: keys.length,
          loaded: wanted.size,
          updated: ordered ? repeated : 0,
          duplicate: ordered ? 0 : repeated,
          rejected: keys.length - good.length,
          pending: 0,
        })
        const before = format === 'csv' ? 1 : 0
        assert.deepEqual(
          p.rejectsOf(load.id).map(({ line }) => line),
          keys.flatMap((key, i) => (key === undefined ? [i + 1 + before] : [])),
        )
        const stored = (await db.query(`SELECT id::int, name FROM ${target.name} ORDER BY id`)).rows
        const places = keys.map((id, i) => ({ id, name: `n${i}` })).filter(({ id }) => id !== undefined)
        const winners = new Map(places.map(({ id, name }) => [id, name]))
        if (ordered)
          assert.deepEqual(
            stored,
            [...winners].map(([id, name]) => ({ id, name })).sort((a, b) => a.id! - b.id!),
          )
        else
          assert.deepEqual(
            stored.map(({ id }) => id),
            [...wanted].sort((a, b) => a - b),
          )
      },
    ),
    { numRuns: 160 },
  )
  assert.ok(seen.parts > 200 && seen.failures > 100, `too little happened: ${JSON.stringify(seen)}`)
})

/** Row i of key k is named after its place; one without a key is refused. */
function textOf(format: Format, keys: readonly (number | undefined)[]): Buffer {
  if (format === 'parquet')
    return Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: 'id', data: keys.map((key) => BigInt(key ?? 0)), type: 'INT64' },
          { name: 'name', data: keys.map((key, i) => (key === undefined ? 'far too long a name' : `n${i}`)), type: 'STRING' },
        ],
        rowGroupSize: 7,
      }),
    )
  if (format === 'csv') return Buffer.from(['id,name', ...keys.map((key, i) => `${key ?? 'x'},n${i}`)].join('\n'))
  const objects = keys.map((id, i) => JSON.stringify({ id: id ?? 'x', name: `n${i}` }))
  return Buffer.from(format === 'json' ? `[${objects.join(',\n')}]` : objects.join('\n'))
}
