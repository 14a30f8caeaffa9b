import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import type pg from 'pg'
import { bigint, text } from '#core/column.ts'
import { type Dataset, dataset } from '#core/dataset.ts'
import { compressionOf } from '#core/sniff.ts'
import { migrateDatabase } from '#platform/migrate-database.ts'
import { Pipeline } from '../support/pipeline.ts'
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts'

const items = dataset('items', {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 12, nullable: true }) },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
const latest = dataset('latest', {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 12 }) },
  primaryKey: ['id'],
  onConflict: 'update',
  orderingKey: 'id',
})

const newest = dataset('newest', {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 12 }), version: bigint() },
  primaryKey: ['id'],
  onConflict: 'update',
  version: 'version',
})

let scratch: ScratchDatabase
let db: pg.Client
before(async () => {
  scratch = await scratchDatabase()
  db = await scratch.connect()
  await migrateDatabase(db, { datasets: [items, latest, newest], lanes: 3, loader: undefined, today: new Date() })
})
beforeEach(() => db.query('TRUNCATE items, latest, newest, millrace.ledger'))
after(() => scratch[Symbol.asyncDispose]())

const compressed = { none: (text: Buffer) => text, gzip: (text: Buffer) => gzipSync(text), zstd: (text: Buffer) => zstdCompressSync(text) }
const pipeline = (d: Dataset = items) => new Pipeline(d, () => scratch.connect())
const stored = async (table: string) => (await db.query(`SELECT id::int, name FROM ${table} ORDER BY id`)).rows
const count = async (table: string) => Number((await db.query(`SELECT count(*) FROM ${table}`)).rows[0].count)
const line = (id: number, name = `name ${id}`) => JSON.stringify({ id, name })
const lines = (n: number, from = 0) => Array.from({ length: n }, (_, i) => line(from + i))

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
  let kills = 0
  await p.drain(2, undefined, (deps) => ({
    ...deps,
    commitChunk: (l, d, chunk, read, turn) =>
      deps.commitChunk(
        l,
        d,
        chunk,
        async (sink, lead) => {
          const facts = await read(sink, lead)
          // every third attempt dies with its backend, the rows sent and nothing committed
          if (kills++ % 3 === 0) await db.query('SELECT pg_terminate_backend($1)', [p.backends.get(`${l.id}/${chunk}`)])
          return facts
        },
        turn,
      ),
  }))
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

for (const [format, compression] of [
  ['csv', 'none'],
  ['csv', 'gzip'],
  ['csv', 'zstd'],
  ['ndjson', 'gzip'],
  ['ndjson', 'zstd'],
  ['json', 'none'],
  ['json', 'gzip'],
  ['json', 'zstd'],
] as const)
  test(`${format} ${compression}: a sequence hands over before its time runs out and goes on exactly where it was`, async () => {
    const p = pipeline()
    const rows = Array.from({ length: 800 }, (_, i) => (format === 'csv' ? `${i},"two\n${i}"` : line(i)))
    const lines = [...rows, 'bad']
    const body = Buffer.from(
      format === 'csv' ? ['id,name', ...lines].join('\n') : format === 'json' ? `[${lines.join(',\n')}]\n` : lines.join('\n'),
    )
    const load = p.open(compressed[compression](body), format, compression, 1500)
    let calls = 0
    // time runs out after every few chunks
    await p.drain(1, () => (calls++ % 7 === 6 ? 1000 : 100_000))
    const receipt = p.receipt(load.id)
    assert.equal(receipt.problem, null)
    assert.deepEqual(receipt.rows, { received: 801, loaded: 800, updated: 0, duplicate: 0, rejected: 1, pending: 0 })
    assert.ok(receipt.chunks.committed > 5)
    assert.deepEqual(
      p.rejectsOf(load.id).map((r) => [r.line, r.code]),
      [[format === 'csv' ? 1602 : 801, format === 'csv' ? 'csv-field-count' : 'invalid-json']],
    )
    assert.equal(receipt.checksum.loaded, receipt.checksum.uploaded)
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
  assert.ok(ranges > 40, 'too few were read side by side')
})

for (const compression of ['none', 'gzip', 'zstd'] as const)
  test(`a sequence (${compression}) whose chunk is tried again in the same invocation reads it again from its first row`, async () => {
    const p = pipeline()
    const body = Buffer.from(['id,name', ...Array.from({ length: 900 }, (_, i) => `${i},n${i}`)].join('\n'))
    p.pieceBytes = 256
    const load = p.open(compressed[compression](body), 'csv', compression, 1000)
    await p.drain(1, undefined, (deps) => ({
      ...deps,
      commitChunk: (l, d, chunk, read, turn) => {
        let attempts = 0
        return deps.commitChunk(
          l,
          d,
          chunk,
          async (sink, lead) => {
            // the first attempt is read and thrown away, as after a deadlock
            if (chunk % 2 === 1 && attempts++ === 0)
              await read({ write: async () => undefined, refuse: () => undefined, flush: async () => undefined }, lead)
            return read(sink, lead)
          },
          turn,
        )
      },
    }))
    const receipt = p.receipt(load.id)
    assert.equal(receipt.problem, null)
    assert.deepEqual(receipt.rows, { received: 900, loaded: 900, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
  })

test('two readers of one sequence, one overtaking the other, still commit every row once', async () => {
  const p = pipeline()
  const load = p.open(gzipSync(lines(3000).join('\n')), 'ndjson', 'gzip', 5000)
  p.queue.push({ ...p.queue[0]! }, { ...p.queue[0]! })
  await p.drain(3)
  assert.deepEqual(p.receipt(load.id).rows, { received: 3000, loaded: 3000, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
})

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
    p.road = 'staged'
    const rows = Array.from({ length: 1400 }, (_, i) => line(i % keys, `v${i}`))
    const load = p.open(gzipSync(rows.join('\n')), 'ndjson', 'gzip', 1500)
    p.queue.push({ ...p.queue[0]! })
    let n = 0
    await p.drain(2, undefined, (deps) => ({
      ...deps,
      commitChunk: (l, d, chunk, read, turn) =>
        deps.commitChunk(
          l,
          d,
          chunk,
          async (sink, lead) => {
            const facts = await read(sink, lead)
            if (n++ % 5 === 3) await db.query('SELECT pg_terminate_backend($1)', [p.backends.get(`${l.id}/${chunk}`)])
            return facts
          },
          turn,
        ),
    }))
    assert.ok(p.failures.length > 0 && n > 20, 'nothing was killed')
    const counts = p.receipt(load.id).rows
    assert.deepEqual(counts, { received: 1400, loaded: keys, updated: 1400 - keys, duplicate: 0, rejected: 0, pending: 0 })
    const expected = Array.from({ length: keys }, (_, id) => ({ id, name: `v${id + keys * Math.floor((1399 - id) / keys)}` }))
    assert.deepEqual(await stored('latest'), expected)
  }
})

test('a chunk of a sequence that fails while the next is under way is never left out', async () => {
  for (const bad of [0, 1, 4, 9]) {
    await db.query('TRUNCATE items, millrace.ledger')
    const p = pipeline()
    const load = p.open(gzipSync(lines(1000).join('\n')), 'ndjson', 'gzip', 2000)
    let failures = 0
    await p.drain(1, undefined, (deps) => ({
      ...deps,
      projectChunk: async (l, result) => {
        if (result.chunk === bad && failures++ === 0) throw new Error('killed')
        return deps.projectChunk(l, result)
      },
    }))
    assert.equal(failures > 0, true)
    const receipt = p.receipt(load.id)
    assert.equal(receipt.state, 'complete')
    assert.deepEqual(receipt.rows, { received: 1000, loaded: 1000, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
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

test('rows that only Postgres can judge are found one by one; their neighbours load', async () => {
  await db.query('ALTER TABLE items ADD CONSTRAINT no_sevens CHECK (id % 7 <> 0 OR id = 0)')
  try {
    const p = pipeline()
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
    CREATE TRIGGER no_thousands BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION no_thousands()`)
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
