import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { items, line, lines } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const { db, connect } = await scratchTables([items])

const compressed = { none: (text: Buffer) => text, gzip: (text: Buffer) => gzipSync(text), zstd: (text: Buffer) => zstdCompressSync(text) }
const pipeline = () => new Pipeline(items, connect)

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
    let left = 0
    // Every invocation has time for a few chunks.
    await p.drain(
      1,
      () => left,
      (deps) => ({
        ...deps,
        getLoad: (id) => {
          left = 100_000
          return deps.getLoad(id)
        },
        projectChunk: async (l, result) => {
          await deps.projectChunk(l, result)
          left -= 25_000
        },
      }),
    )
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
  test(`a sequence (${compression}) whose chunk is tried again in the same invocation reads it again from its first row`, async () => {
    const p = pipeline()
    const body = Buffer.from(['id,name', ...Array.from({ length: 900 }, (_, i) => `${i},n${i}`)].join('\n'))
    p.pieceBytes = 256
    const load = p.open(compressed[compression](body), 'csv', compression, 1000)
    await p.drain(1, undefined, (deps) => ({
      ...deps,
      commitChunk: (l, d, place, read, ...more) => {
        let attempts = 0
        return deps.commitChunk(
          l,
          d,
          place,
          async (sink, lead) => {
            // the first attempt is read and thrown away, as after a deadlock
            if (place.chunk % 2 === 1 && attempts++ === 0)
              await read({ write: async () => undefined, refuse: () => undefined, flush: async () => undefined }, lead)
            return read(sink, lead)
          },
          ...more,
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

test('a chunk that fails while the next one is committed accounts, read again in other pieces, for the bytes up to that one', async () => {
  for (const compression of ['gzip', 'none'] as const)
    for (const [first, second] of [
      [64, 1000],
      [1000, 64],
    ] as const) {
      const p = pipeline()
      await db.query('TRUNCATE items')
      p.pieceBytes = first
      const content = Buffer.from(lines(1000).join('\n'))
      const load = p.open(compression === 'gzip' ? gzipSync(content) : content, 'ndjson', compression, Math.ceil(content.length / 6))
      p.queue.splice(0, p.queue.length, { tenant: load.tenant, load: load.id, chunk: 0, mode: 'sequence' })
      let fails = true
      await p.drain(1, undefined, (deps) => ({
        ...deps,
        getLoad: async (id) => {
          // Delivered again, it is read in other pieces.
          if (!fails) p.pieceBytes = second
          return deps.getLoad(id)
        },
        commitChunk: (of, dataset, place, read, turn, timeLeft) =>
          deps.commitChunk(
            of,
            dataset,
            place,
            async (sink, lead) => {
              const facts = await read(sink, lead)
              if (place.chunk !== 2 || !fails) return facts
              fails = false
              // The next chunk is read and committed meanwhile.
              while ((await deps.committedParts(of.id, 3, 0)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
              throw new Error('cut off')
            },
            turn,
            timeLeft,
          ),
      }))
      assert.equal(p.failures.length, 1)
      const { state, problem, rows } = p.receipt(load.id)
      assert.deepEqual([state, problem, rows.loaded], ['complete', null, 1000], `${compression} ${first} ${second}`)
    }
})

test('a chunk whose commit was done but not answered is shown in its load, whichever chunk it is', async () => {
  for (const lost of [0, 1, 2, 3]) {
    const p = pipeline()
    const load = p.open(gzipSync(Buffer.from(lines(400, 1000 * lost).join('\n'))), 'ndjson', 'gzip', 3000)
    await p.drain(1, undefined, (deps) => ({
      ...deps,
      // As `chunkStore` has it when the connection dies after the COMMIT: the next try finds the chunk in the ledger.
      commitChunk: async (of, dataset, place, ...more) => {
        const result = await deps.commitChunk(of, dataset, place, ...more)
        return place.chunk === lost ? undefined : result
      },
    }))
    const { state, rows, chunks } = p.receipt(load.id)
    assert.deepEqual(
      [state, rows.received, rows.loaded, chunks.committed === chunks.planned],
      ['complete', 400, 400, true],
      `chunk ${lost}`,
    )
  }
})
