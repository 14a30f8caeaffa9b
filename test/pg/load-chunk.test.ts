import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import type { Dataset } from '#core/dataset/dataset.ts'
import { planChunks } from '#core/loads/chunk.ts'
import { compressionOf } from '#core/rows/sniff.ts'
import { items, latest, line, lines } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const { db, connect, count } = await scratchTables([items, latest])

const compressed = { none: (text: Buffer) => text, gzip: (text: Buffer) => gzipSync(text), zstd: (text: Buffer) => zstdCompressSync(text) }
const pipeline = (d: Dataset = items) => new Pipeline(d, connect)
const stored = async (table: string) => (await db.query(`SELECT id::int, name FROM ${table} ORDER BY id`)).rows

test('whatever the file, its cutting and its compression: every row is loaded, a duplicate or rejected, each once, with its line', async () => {
  const row = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 30 }).map((id) => line(id)) },
    fc.constantFrom(
      '',
      '{"id":1',
      '[]',
      '{"id":"x"}',
      '{"id":1,"more":2}',
      '{"name":"no id"}',
      '{"id":7,"name":"höher 🚀"}',
      '\ufeff{}',
      '{"id":3,"name":"far too long a name"}',
    ),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 40 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 5, max: 200 }),
      fc.integer({ min: 1, max: 64 }),
      async (rows, newline, ending, gzip, chunkSize, pieceBytes) => {
        await db.query('TRUNCATE items')
        const plain = Buffer.from(rows.join(newline) + (ending ? newline : ''))
        if (plain.length === 0) return
        const p = pipeline()
        p.pieceBytes = pieceBytes
        const load = p.open(gzip ? gzipSync(plain) : plain, 'ndjson', gzip ? 'gzip' : 'none', chunkSize)
        await p.drain(1)
        const ids = new Set<number>()
        const bad: number[] = []
        let duplicate = 0
        for (const [i, r] of rows.entries()) {
          if (r.trim() === '' && !r.includes('\ufeff')) continue
          const text = i === 0 ? r.replace(/^\ufeff/, '') : r
          const id = /^\{"id":(\d+)(,"name":"[^"]{0,12}")?\}$/u.exec(text)?.[1]
          if (id === undefined) bad.push(i + 1)
          else if (ids.has(Number(id))) duplicate++
          else ids.add(Number(id))
        }
        const { state, rows: counts, reconciles, problem } = p.receipt(load.id)
        assert.equal(state, 'complete', JSON.stringify(problem))
        assert.ok(reconciles)
        const received = ids.size + duplicate + bad.length
        assert.deepEqual(counts, { received, loaded: ids.size, updated: 0, duplicate, rejected: bad.length, pending: 0 })
        assert.deepEqual(
          p.rejectsOf(load.id).map((r) => r.line),
          bad,
        )
        assert.deepEqual(
          (await stored('items')).map((r) => r.id),
          [...ids].sort((a, b) => a - b),
        )
      },
    ),
    { numRuns: 150 },
  )
})

test('the same chunks again, by two workers at once, change nothing', async () => {
  const p = pipeline()
  const load = p.open(Buffer.from(lines(500).join('\n')), 'ndjson', 'none', 1000)
  p.queue.push(...p.queue.map((job) => ({ ...job })), ...p.queue.map((job) => ({ ...job })))
  await p.drain(3)
  assert.deepEqual(p.receipt(load.id).rows, { received: 500, loaded: 500, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
  assert.equal(await count('items'), 500)
})

test('killed between COPY and commit, chunks come again and every row is there once', async () => {
  const p = pipeline()
  const load = p.open(Buffer.from(lines(2000).join('\n')), 'ndjson', 'none', 4000)
  let attempts = 0
  await p.drain(
    2,
    undefined,
    p.killed(db, () => attempts++ % 3 === 0),
  )
  assert.ok(p.failures.length > 3, 'nothing was killed')
  assert.deepEqual(p.receipt(load.id).rows, { received: 2000, loaded: 2000, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
  assert.equal(await count('items'), 2000)
})

test('killed between commit and projection, the ledger’s counts are projected later', async () => {
  const p = pipeline()
  const load = p.open(Buffer.from([...lines(300), 'bad'].join('\n')), 'ndjson', 'none', 700)
  let n = 0
  await p.drain(2, undefined, (deps) => ({
    ...deps,
    projectChunk: async (l, result) => {
      if (n++ % 2 === 0) throw new Error('killed')
      return deps.projectChunk(l, result)
    },
  }))
  assert.ok(p.failures.length > 3)
  const receipt = p.receipt(load.id)
  assert.equal(receipt.state, 'complete')
  assert.deepEqual(receipt.rows, { received: 301, loaded: 300, updated: 0, duplicate: 0, rejected: 1, pending: 0 })
})

for (const compression of ['none', 'gzip', 'zstd'] as const)
  test(`CSV (${compression}): a quote that is never closed is only known at the end of the text, and the rows of later chunks are still read`, async () => {
    const p = pipeline(latest)
    const body = Buffer.from(['id,name', '0,"open', ...Array.from({ length: 30 }, (_, i) => `${i + 1},a`)].join('\n'))
    const load = p.open(compressed[compression](body), 'csv', compression, 10)
    await p.drain(1)
    const receipt = p.receipt(load.id)
    assert.deepEqual([receipt.state, receipt.problem], ['complete', null])
    assert.deepEqual(receipt.rows, { received: 31, loaded: 30, updated: 0, duplicate: 0, rejected: 1, pending: 0 })
    assert.equal(receipt.checksum.loaded, receipt.checksum.uploaded)
  })

test('CSV that is nothing but its header is read whole, cut as it is planned', async () => {
  for (const body of ['id,name', 'id,name\n', 'id,name\r\n', 'id,name\n\n']) {
    const p = pipeline()
    const load = p.open(Buffer.from(body), 'csv', 'none', planChunks({ format: 'csv', compression: 'none' }, body.length).chunkSize)
    await p.drain(1)
    const { state, problem, rows } = p.receipt(load.id)
    assert.deepEqual([state, problem, rows.received], ['complete', null, 0], JSON.stringify(body))
  }
})

test('CSV with newlines in quotes, cut anywhere and loaded side by side: what one reader finds, line by line', async () => {
  const field = fc.constantFrom('a', '"b"', '"two\nlines"', '"a,b\n\n"', '"q""q"', '"open', 'x"y', '')
  let ranges = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { minLength: 3, maxLength: 40 }),
      fc.integer({ min: 10, max: 60 }),
      fc.integer({ min: 1, max: 40 }),
      async (fields, chunkSize, pieceBytes) => {
        const body = Buffer.from(['id,name', ...fields.map((f, i) => `${i},${f}`)].join('\n'))
        const outcome = async (compression: 'none' | 'gzip') => {
          await db.query('TRUNCATE items, millrace.ledger')
          const p = pipeline()
          p.pieceBytes = pieceBytes
          const load = p.open(compression === 'gzip' ? gzipSync(body) : body, 'csv', compression, chunkSize)
          await p.drain(2)
          if (p.edges.get(load.id)) ranges++
          const { state, problem, rows, reconciles } = p.receipt(load.id)
          return { state, problem, rows, reconciles, stored: await stored('items'), rejects: p.rejectsOf(load.id) }
        }
        const inOneGo = await outcome('gzip')
        assert.equal(inOneGo.state, 'complete')
        assert.deepEqual(await outcome('none'), inOneGo)
      },
    ),
    { numRuns: 60 },
  )
  assert.ok(ranges > 20, 'too few were read side by side')
})

const gzipped = gzipSync(lines(200).join('\n'))
const zstd = zstdCompressSync(lines(200).join('\n'))
for (const [name, content, code] of [
  ['truncated gzip', gzipped.subarray(0, -20), 'compression-truncated'],
  ['damaged gzip', Buffer.concat([gzipped.subarray(0, 100), Buffer.alloc(20), gzipped.subarray(120)]), 'compression-corrupt'],
  ['bytes behind the gzip data', Buffer.concat([gzipped, Buffer.from('more')]), 'compression-trailing-data'],
  ['truncated zstd', zstd.subarray(0, -2), 'compression-truncated'],
  ['bytes behind the zstd data', Buffer.concat([zstd, Buffer.from('more')]), 'compression-trailing-data'],
  ['a zip bomb', gzipSync(Buffer.alloc(200 * 1024 * 1024, ' ')), 'inflate-ratio-exceeded'],
] as const)
  test(`${name}: the load fails with ${code} and says exactly what was loaded`, async () => {
    const p = pipeline()
    const load = p.open(content, 'ndjson', compressionOf(content), code === 'inflate-ratio-exceeded' ? 16 << 20 : 1000)
    await p.drain(1)
    const receipt = p.receipt(load.id)
    assert.equal(receipt.state, 'failed')
    assert.equal(receipt.problem?.code, code)
    assert.ok(receipt.reconciles)
    assert.equal(await count('items'), receipt.rows.loaded)
  })

test('gzip of several members is one text', async () => {
  const p = pipeline()
  const load = p.open(Buffer.concat([gzipSync(`${lines(50).join('\n')}\n`), gzipSync(lines(50, 50).join('\n'))]), 'ndjson', 'gzip', 1000)
  await p.drain(1)
  assert.deepEqual(p.receipt(load.id).rows, { received: 100, loaded: 100, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
})

for (const [name, header, detail] of [
  ['a missing column', 'name', /"id" is missing/],
  ['a column twice', 'id,name,id', /"id" stands twice/],
  ['a column that the dataset has not', 'id,nome', /no column "nome"/],
  ['no header', '1,a', /no column "1"/],
] as const)
  test(`CSV with ${name} fails with csv-header-invalid`, async () => {
    const p = pipeline()
    const load = p.open(Buffer.from(`${header}\n1,a\n`), 'csv', 'none', 1000)
    await p.drain(1)
    const { problem } = p.receipt(load.id)
    assert.equal(problem?.code, 'csv-header-invalid')
    assert.match(problem.detail, detail)
  })

test('another object than was uploaded, or another number of rows than was declared, fails the load', async () => {
  const p = pipeline()
  const swapped = p.open(Buffer.from(lines(10).join('\n')), 'ndjson', 'none', 1000, { uploadedCrc32: '00000000' })
  const miscounted = p.open(Buffer.from(lines(10, 20).join('\n')), 'ndjson', 'none', 1000, { expectedRows: 11 })
  await p.drain(1)
  assert.equal(p.receipt(swapped.id).problem?.code, 'checksum-mismatch')
  assert.equal(p.receipt(miscounted.id).problem?.code, 'row-count-mismatch')
  assert.equal(p.receipt(miscounted.id).rows.loaded, 10)
})

test('only newlines: a load of no rows that is complete', async () => {
  const p = pipeline()
  const load = p.open(Buffer.from('\n\r\n\n'), 'ndjson', 'none', 2)
  await p.drain(2)
  const receipt = p.receipt(load.id)
  assert.equal(receipt.state, 'complete')
  assert.equal(receipt.rows.received, 0)
})

test('a row over 1 MiB that spans many chunks is one reject, and its neighbours load', async () => {
  const p = pipeline()
  const load = p.open(Buffer.from([line(1), line(2, 'x'.repeat(3_000_000)), line(3)].join('\n')), 'ndjson', 'none', 100_000)
  await p.drain(2)
  assert.deepEqual(p.receipt(load.id).rows, { received: 3, loaded: 2, updated: 0, duplicate: 0, rejected: 1, pending: 0 })
  assert.deepEqual(
    p.rejectsOf(load.id).map((r) => [r.line, r.code]),
    [[2, 'row-too-large']],
  )
})
