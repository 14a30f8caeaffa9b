import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { allOf, connectStage, flightCsv, flightLines, freshIds, outcomes, reading } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())

const compressed = { none: (text: string) => Buffer.from(text), gzip: gzipSync, zstd: zstdCompressSync }
const textOf = {
  ndjson: flightLines,
  csv: flightCsv,
  json: (from: number, count: number) => `[\n${flightLines(from, count).trim().replaceAll('\n', ',\n')}\n]`,
}
for (const format of ['ndjson', 'csv', 'json'] as const)
  for (const compression of ['none', 'gzip', 'zstd'] as const)
    test(`a file of 1,000 rows as ${format}, compression ${compression}, is loaded to the last row`, async () => {
      const id = freshIds()
      const bytes = compressed[compression](textOf[format](id, 1000))
      // declared here and there; else it is left to the server to find out
      const declared = format === 'ndjson' ? { format, compression } : ({ format: 'auto', compression: 'auto' } as const)
      const receipt = await stage.push(bytes, { dataset: 'flights', ...declared })
      assert.deepEqual([receipt.format, receipt.compression], [format, compression])
      assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 1000, loaded: 1000 }])
      assert.equal(await stage.countFlights(id, id + 1000), 1000)
      const { rows } = await stage.database.query('SELECT * FROM flights WHERE id = $1', [id + 999])
      assert.deepEqual(rows, [
        { id: String(id + 999), date: new Date('2001-07-01T12:00:00.000Z'), delay: 5, distance: 405, origin: 'MCI', destination: 'MDW' },
      ])
    })

test('a Parquet file is loaded to the last row, whether declared or found', async () => {
  for (const format of ['parquet', 'auto'] as const) {
    const id = freshIds()
    const receipt = await stage.push(flightParquet(id, 1000), { dataset: 'flights', format, compression: 'auto' })
    assert.deepEqual([receipt.problem, receipt.format, receipt.compression], [null, 'parquet', 'none'])
    assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 1000, loaded: 1000 }])
    assert.equal(receipt.checksum.loaded, receipt.checksum.uploaded)
    assert.equal(await stage.countFlights(id, id + 1000), 1000)
  }
})
function flightParquet(id: number, count: number): Buffer {
  const all = <T>(value: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => value(i))
  const columnData = [
    { name: 'id', data: all((i) => BigInt(id + i)), type: 'INT64' as const },
    { name: 'date', data: all(() => new Date('2001-07-01T12:00:00Z')), type: 'TIMESTAMP' as const },
    { name: 'delay', data: all((i) => i % 60), type: 'INT32' as const },
    { name: 'distance', data: all(() => 405), type: 'INT32' as const },
    { name: 'origin', data: all(() => 'MCI'), type: 'STRING' as const },
    { name: 'destination', data: all(() => 'MDW'), type: 'STRING' as const },
  ]
  return Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 300 }))
}

test('a CSV of another dialect: semicolons, single quotes, \\N, columns in another order and no header', async () => {
  const id = freshIds()
  const line = (n: number) => `'O''H';${id + n};\\N;2001-07-01T12:00:00.000Z;405;MCI\n`
  const receipt = await stage.push(line(0).replace("'O''H'", 'MDW').replace('\\N', '5') + line(1), {
    dataset: 'flights',
    format: 'csv',
    csv: { delimiter: ';', quote: "'", null: '\\N', header: false, columns: ['destination', 'id', 'delay', 'date', 'distance', 'origin'] },
  })
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 2, loaded: 1, rejected: 1 }])
  const { rows } = await stage.database.query('SELECT delay, distance, origin, destination FROM flights WHERE id = $1', [id])
  assert.deepEqual(rows, [{ delay: 5, distance: 405, origin: 'MCI', destination: 'MDW' }])
  const rejects = await stage.rejectsOf(receipt.id)
  assert.deepEqual(
    rejects.map(({ line, column, code }) => ({ line, column, code })),
    [{ line: 2, column: 'delay', code: 'null-not-allowed' }],
  )
})

test('the same bytes again are answered with the first receipt; forced, every row is a duplicate and nothing is loaded twice', async () => {
  const id = freshIds()
  const lines = flightLines(id, 500)
  const first = await stage.push(lines, { dataset: 'flights' })
  const same = await stage.push(lines, { dataset: 'flights' })
  assert.deepEqual(same, first)
  const again = await stage.push(lines, { dataset: 'flights', again: true })
  assert.notEqual(again.id, first.id)
  assert.deepEqual(outcomes(again), { received: 500, duplicate: 500 })
  assert.equal(await stage.countFlights(id, id + 500), 500)
})

test('rows that repeat a key within one file are duplicates, and the first one stays', async () => {
  const id = freshIds()
  const receipt = await stage.push(flightLines(id, 3) + flightLines(id, 3).replaceAll('"delay":5', '"delay":6'), { dataset: 'flights' })
  assert.deepEqual(outcomes(receipt), { received: 6, loaded: 3, duplicate: 3 })
  const { rows } = await stage.database.query('SELECT DISTINCT delay FROM flights WHERE id >= $1 AND id < $1 + 3', [id])
  assert.deepEqual(rows, [{ delay: 5 }])
})

test('policy update: the later row takes the place of the older one, within a file and across files', async () => {
  const stream = `s${freshIds()}`
  const event = (sequence: number, type: string) =>
    `${JSON.stringify({ stream, sequence, type, at: '2026-01-01T00:00:00Z', payload: { type } })}\n`
  const first = await stage.push(event(1, 'a') + event(2, 'b') + event(1, 'c'), { dataset: 'events' })
  assert.equal(first.rows.received, 3)
  const second = await stage.push(event(2, 'd') + event(3, 'e'), { dataset: 'events' })
  assert.deepEqual(outcomes(second), { received: 2, loaded: 1, updated: 1 })
  const { rows } = await stage.database.query('SELECT sequence, type, payload FROM events WHERE stream = $1 ORDER BY sequence', [stream])
  assert.deepEqual(rows, [
    { sequence: '1', type: 'c', payload: { type: 'c' } },
    { sequence: '2', type: 'd', payload: { type: 'd' } },
    { sequence: '3', type: 'e', payload: { type: 'e' } },
  ])
})

test('the receipt keeps the trace context of the push, and its list finds it', async () => {
  const receipt = await stage.push(flightLines(freshIds(), 1), { dataset: 'flights' })
  assert.match(receipt.trace, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  const listed = await allOf(stage.client.listLoads({ dataset: 'flights', state: 'complete', pageSize: 7 }))
  assert.deepEqual(
    listed.find(({ id }) => id === receipt.id),
    receipt,
  )
})

test('what a dataset passes over stands in the receipt: columns of CSV, and keys of the rows that have them', async () => {
  const rows = Array.from({ length: 30 }, (_, i) => reading({ room: i, ...(i % 10 === 0 && { note: 'x' }) }))
  const room = { name: 'room', rows: 30 }
  const files = {
    ndjson: [rows.map((row) => `${JSON.stringify(row)}\n`).join(''), [room, { name: 'note', rows: 3 }]],
    csv: [`room,at,sensor\n${rows.map((_, i) => `${i},${new Date().toISOString()},${randomUUID()}\n`).join('')}`, [room]],
  } as const
  for (const format of ['ndjson', 'csv'] as const) {
    const [content, byName] = files[format]
    const receipt = await stage.push(content, { dataset: 'readings', format })
    assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 30, loaded: 30 }])
    assert.deepEqual(receipt.ignored, { byName, others: 0 })
  }
})
