import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { FileLoad } from '#core/loads/load.ts'
import { items } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const { db, connect, count } = await scratchTables([items])
await db.query("ALTER TABLE items ADD CONSTRAINT named CHECK (name <> 'refused')")

/** Rows of eleven bytes, newline included: a chunk has a hundred of them. */
const rowBytes = 11
const good = (id: number) => `{"id":${100 + (id % 900)}}`
const bad = '{"id":tru}'
const badAt = (rows: number, isBad: (i: number) => boolean) =>
  Buffer.from(Array.from({ length: rows }, (_, i) => `${isBad(i) ? bad : good(i)}\n`).join(''))

async function run(content: Buffer, more: Partial<FileLoad>, workers = 1, gzip = false) {
  const p = new Pipeline(items, connect)
  const load = p.open(gzip ? gzipSync(content) : content, 'ndjson', gzip ? 'gzip' : 'none', 100 * rowBytes, more)
  await p.drain(workers)
  assert.deepEqual(p.failures, [])
  return { ...p.receipt(load.id), p, load }
}

test('a load within its limit is complete, and its rejects are summed up by code and column', async () => {
  const content = badAt(500, (i) => i % 50 === 0)
  const { state, rows, rejects } = await run(content, { maxRejects: 10 })
  assert.equal(state, 'complete')
  assert.equal(rows.rejected, 10)
  assert.deepEqual(rejects, { max: 10, byCode: [{ code: 'invalid-json', column: null, rows: 10 }], others: 0 })
})

for (const gzip of [false, true])
  test(`a load beyond its limit is stopped after a chunk; what it says is what the table has${gzip ? ' (gzip)' : ''}`, async () => {
    const { state, rows, chunks, bytes, problem, reconciles, rejects } = await run(
      badAt(900, (i) => i % 20 === 0),
      { maxRejects: 12 },
      1,
      gzip,
    )
    assert.equal(state, 'failed')
    assert.equal(problem?.code, 'too-many-rejects')
    assert.ok(reconciles)
    assert.equal(rows.pending, 0)
    // A sequence has two chunks on their way.
    assert.ok(chunks.committed === 3 || (gzip && chunks.committed === 4), `${chunks.committed} chunks`)
    assert.equal(rows.rejected, chunks.committed * 5)
    assert.deepEqual(rejects.byCode, [{ code: 'invalid-json', column: null, rows: rows.rejected }])
    assert.equal(rows.received, rows.loaded + rows.duplicate + rows.rejected)
    assert.equal(await count('items'), rows.loaded)
    assert.match(problem.detail, /(15 of 300|20 of 400) rows were rejected, and the load takes 12 at most/)
    assert.match(problem.detail, new RegExp(`with ${rows.loaded} rows loaded`))
    if (!gzip) assert.equal(bytes.read, 300 * rowBytes)
    if (!gzip) assert.match(problem.detail, /Committed are 3 of 9 chunks, .* 6,600 of 9,900 bytes are in chunks that were not committed/)
  })

test('several workers: chunks under way may still be committed, those that have not begun are not', async () => {
  const { state, rows, chunks, reconciles } = await run(
    badAt(4000, (i) => i % 10 === 0),
    { maxRejects: 35 },
    3,
  )
  assert.equal(state, 'failed')
  assert.ok(reconciles)
  assert.ok(chunks.committed >= 4 && chunks.committed <= 4 + 2, `${chunks.committed} chunks`)
  assert.equal(rows.received, chunks.committed * 100)
  assert.equal(await count('items'), rows.loaded)
})

test('a chunk whose own rejects are too many is given up: nothing of it is loaded', async () => {
  const { state, rows, chunks, problem, reconciles } = await run(
    badAt(300, (i) => i >= 150),
    { maxRejects: 20 },
  )
  assert.equal(state, 'failed')
  assert.ok(reconciles)
  assert.deepEqual(rows, { received: 100, loaded: rows.loaded, updated: 0, duplicate: 100 - rows.loaded, rejected: 0, pending: 0 })
  assert.equal(chunks.committed, 1)
  assert.equal(await count('items'), rows.loaded)
  assert.match(problem!.detail, /^Chunk 1 was given up: more than 20 of its rows were rejected/)
  assert.equal(problem!.errors?.length, 10)
  assert.equal(problem!.errors?.[0]?.pointer, '/offset/1650')
})

test('rows that only Postgres refuses count, and give a chunk up too', async () => {
  const rows = Array.from({ length: 60 }, (_, id) => JSON.stringify({ id, name: id % 4 === 0 ? 'refused' : 'fine' }))
  const within = await run(Buffer.from(rows.join('\n')), { maxRejects: 15, chunkSize: 1 << 20, planned: 1 })
  assert.deepEqual([within.state, within.rows.rejected, within.rows.loaded], ['complete', 15, 45])
  assert.deepEqual(within.rejects.byCode, [{ code: 'sqlstate-23514', column: null, rows: 15 }])
  await db.query('TRUNCATE items, millrace.ledger')
  const beyond = await run(Buffer.from(rows.join('\n')), { maxRejects: 14, chunkSize: 1 << 20, planned: 1 })
  assert.deepEqual([beyond.state, beyond.problem?.code, beyond.rows.received], ['failed', 'too-many-rejects', 0])
  assert.equal(await count('items'), 0)
})

test('a share is judged from 1,000 rows on', async () => {
  const everyTenth = await run(
    badAt(3000, (i) => i % 10 === 0),
    { maxRejects: '5%' },
  )
  assert.deepEqual([everyTenth.state, everyTenth.rows.received], ['failed', 1000])
  const early = await run(
    badAt(3000, (i) => i < 90),
    { maxRejects: '9%' },
  )
  assert.equal(early.state, 'complete')
  const small = await run(
    badAt(900, () => true),
    { maxRejects: '5%' },
  )
  assert.deepEqual([small.state, small.rows.rejected], ['complete', 900])
})

test('killed between a commit and its projection, the load is stopped all the same, and nothing is counted twice', async () => {
  const p = new Pipeline(items, connect)
  const load = p.open(
    badAt(900, (i) => i % 20 === 0),
    'ndjson',
    'none',
    100 * rowBytes,
    { maxRejects: 12 },
  )
  let n = 0
  await p.drain(1, undefined, (deps) => ({
    ...deps,
    projectChunk: async (id, result) => {
      if (n++ === 2) throw new Error('killed')
      await deps.projectChunk(id, result)
      if (n === 4) throw new Error('killed')
    },
  }))
  assert.equal(p.failures.length, 2)
  const { state, rows, rejects, reconciles } = p.receipt(load.id)
  assert.equal(state, 'failed')
  assert.ok(reconciles)
  assert.equal(rejects.byCode[0]?.rows, rows.rejected)
  assert.equal(await count('items'), rows.loaded)
})
