import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Receipt } from '#core/loads/receipt.ts'
import { connectStage, flight, flightCsv, flightHeader, flightLines, freshIds, outcomes } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())

const row = (id: number, more: object = {}): string => `${JSON.stringify(flight(id, more))}\n`
const where = async (receipt: Receipt) => (await stage.rejectsOf(receipt.id)).map(({ line, column, code }) => [line, column, code])

interface Case {
  readonly bytes: (id: number) => string | Buffer
  readonly format?: 'csv'
  readonly compression?: 'gzip'
  readonly rows: Record<string, number>
  /** Line, column and code of each. */
  readonly rejects?: readonly [number, string | null, string][]
}

/** Files that load, or load but for the rows that are wrong: `rows.loaded` of them are in the table afterwards. */
const loading: Record<string, Case> = {
  'lines that are not JSON': {
    bytes: (id) => `${row(id)}not json\n[1,2]\n"text"\n${row(id + 1)}`,
    rows: { received: 5, loaded: 2, rejected: 3 },
    rejects: [
      [2, null, 'invalid-json'],
      [3, null, 'not-an-object'],
      [4, null, 'not-an-object'],
    ],
  },
  'half a line at the end': {
    bytes: (id) => row(id) + row(id + 1).slice(0, 30),
    rows: { received: 2, loaded: 1, rejected: 1 },
    rejects: [[2, null, 'invalid-json']],
  },
  'no newline at the end': { bytes: (id) => flightLines(id, 3).trimEnd(), rows: { received: 3, loaded: 3 } },
  'only newlines': { bytes: (id) => '\n'.repeat(1000 + (id % 1000)), rows: {} },
  'only blank lines': { bytes: (id) => ' \t\r\n'.repeat(1000 + (id % 1000)), rows: {} },
  'a byte order mark': { bytes: (id) => `\ufeff${flightLines(id, 2)}`, rows: { received: 2, loaded: 2 } },
  'CRLF line ends, and blank lines between': {
    bytes: (id) => flightLines(id, 3).replaceAll('\n', '\r\n\r\n'),
    rows: { received: 3, loaded: 3 },
  },
  'a row beyond 1 MiB between two good ones': {
    bytes: (id) => row(id) + row(id + 1, { origin: 'x'.repeat(1_100_000) }) + row(id + 2),
    rows: { received: 3, loaded: 2, rejected: 1 },
    rejects: [[2, null, 'row-too-large']],
  },
  'bytes that are not UTF-8': {
    bytes: (id) => Buffer.concat([Buffer.from(row(id)), Buffer.from('{"id":"\xff"}\n', 'latin1'), Buffer.from(row(id + 1))]),
    rows: { received: 3, loaded: 2, rejected: 1 },
    rejects: [[2, null, 'invalid-utf8']],
  },
  'values that do not fit their columns': {
    bytes: (id) =>
      row(id) +
      row(id + 1, { delay: '5' }) +
      row(id + 2, { delay: 2 ** 31 }) +
      row(id + 3, { origin: 'MCIX' }) +
      row(id + 4, { gate: 1 }) +
      row(id + 5, { delay: null }),
    rows: { received: 6, loaded: 1, rejected: 5 },
    rejects: [
      [2, 'delay', 'wrong-type'],
      [3, 'delay', 'out-of-range'],
      [4, 'origin', 'too-long'],
      [5, 'gate', 'unknown-column'],
      [6, 'delay', 'null-not-allowed'],
    ],
  },
  'CSV with a byte order mark and CRLF': {
    bytes: (id) => `\ufeff${flightCsv(id, 3).replaceAll('\n', '\r\n')}`,
    format: 'csv',
    rows: { received: 3, loaded: 3 },
  },
  'CSV rows with too few and too many fields, and quotes where none may be': {
    bytes: (id) =>
      `${flightCsv(id, 1)}${id + 1},2001-07-01T12:00:00Z,5\n${id + 2},2001-07-01T12:00:00Z,5,405,MCI,MDW,B7\n${id + 3},2001-07-01T12:00:00Z,5,405,M"I,MDW\n${id + 4},2001-07-01T12:00:00Z,5,405,"MCI",MDW\n`,
    format: 'csv',
    rows: { received: 5, loaded: 2, rejected: 3 },
    rejects: [
      [3, null, 'csv-field-count'],
      [4, null, 'csv-field-count'],
      [5, null, 'csv-quote-invalid'],
    ],
  },
  'CSV with its columns in another order': {
    bytes: (id) => `destination,origin,distance,delay,date,id\nMDW,MCI,405,5,2001-07-01T12:00:00Z,${id}\n`,
    format: 'csv',
    rows: { received: 1, loaded: 1 },
  },
  'CSV that is only a header': { bytes: (id) => `${flightHeader}\n${'\n'.repeat((id / 1_000_000) % 1000)}`, format: 'csv', rows: {} },
  'gzip of several members': {
    bytes: (id) => Buffer.concat([0, 1, 2].map((i) => gzipSync(flightLines(id + i * 10, 10)))),
    compression: 'gzip',
    rows: { received: 30, loaded: 30 },
  },
  'gzip members that end in the middle of a row': {
    bytes: (id) => Buffer.concat([flightLines(id, 5).slice(0, 150), flightLines(id, 5).slice(150)].map((half) => gzipSync(half))),
    compression: 'gzip',
    rows: { received: 5, loaded: 5 },
  },
}
for (const [name, { bytes, format, compression, rows, rejects }] of Object.entries(loading))
  test(`${name}: every row is accounted for`, async () => {
    const id = freshIds()
    const receipt = await stage.push(bytes(id), { dataset: 'flights', format: format ?? 'ndjson', compression: compression ?? 'none' })
    assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', rows])
    assert.deepEqual(await where(receipt), rejects ?? [])
    assert.equal(await stage.countFlights(id, id + 1000), rows.loaded ?? 0)
  })

/** Files that fail as a whole, with the code that says why. Whatever was committed before is in the receipt. */
const failing: Record<string, Omit<Case, 'rows' | 'rejects'> & { code: string; expectedRows?: number }> = {
  'text declared as gzip': { bytes: (id) => flightLines(id, 10), compression: 'gzip', code: 'compression-mismatch' },
  'gzip declared as text': { bytes: (id) => gzipSync(flightLines(id, 10)), code: 'compression-mismatch' },
  'gzip that ends in the middle': {
    bytes: (id) => gzipSync(flightLines(id, 100)).subarray(0, -20),
    compression: 'gzip',
    code: 'compression-truncated',
  },
  'gzip with a flipped bit': {
    bytes: (id) => {
      const bytes = gzipSync(flightLines(id, 100))
      bytes[bytes.length - 6]! ^= 1 // in the checksum of the member
      return bytes
    },
    compression: 'gzip',
    code: 'compression-corrupt',
  },
  'gzip with something behind it': {
    bytes: (id) => Buffer.concat([gzipSync(flightLines(id, 10)), Buffer.from('and then text')]),
    compression: 'gzip',
    code: 'compression-trailing-data',
  },
  'a zip bomb': { bytes: (id) => gzipSync(Buffer.alloc(100e6 + (id % 1000), '\n')), compression: 'gzip', code: 'inflate-ratio-exceeded' },
  'CSV without a header': { bytes: (id) => flightCsv(id, 5).slice(flightHeader.length + 1), format: 'csv', code: 'csv-header-invalid' },
  'CSV that lacks a column': { bytes: (id) => `id,date,delay\n${id},2001-07-01T12:00:00Z,5\n`, format: 'csv', code: 'csv-header-invalid' },
  'CSV with a column too many': {
    bytes: (id) => `${flightHeader},gate\n${id},2001-07-01T12:00:00Z,5,405,MCI,MDW,B7\n`,
    format: 'csv',
    code: 'csv-header-invalid',
  },
  'CSV that names a column twice': {
    bytes: (id) => `${flightHeader},delay\n${id},2001-07-01T12:00:00Z,5,405,MCI,MDW,6\n`,
    format: 'csv',
    code: 'csv-header-invalid',
  },
  'fewer rows than declared': { bytes: (id) => flightCsv(id, 5), format: 'csv', expectedRows: 6, code: 'row-count-mismatch' },
}
for (const [name, { bytes, format, compression, code, expectedRows }] of Object.entries(failing))
  test(`${name}: the load fails with ${code}, and its receipt is true`, async () => {
    const id = freshIds()
    const options = { dataset: 'flights', format: format ?? 'ndjson', compression: compression ?? 'none', expectedRows } as const
    const receipt = await stage.push(bytes(id), options)
    assert.deepEqual([receipt.state, receipt.problem?.code], ['failed', code])
    assert.equal(await stage.countFlights(id, id + 1000), receipt.rows.loaded)
  })

test('an empty file and an unknown dataset are refused at the door', async () => {
  await assert.rejects(stage.push('', { dataset: 'flights' }), { name: 'RefusedError', status: 422, message: /\(empty-file\)$/ })
  await assert.rejects(stage.push(flightLines(1, 1), { dataset: 'trains' }), {
    name: 'RefusedError',
    status: 404,
    message: /\(dataset-not-found\)$/,
  })
})

test('CSV fields with newlines, commas and quotes in them are one row, and line numbers count lines', async () => {
  const sensor = randomUUID()
  const at = new Date().toISOString().slice(0, 11)
  const text = [
    'sensor,at,value,unit,note',
    `${sensor},${at}00:00:00Z,1.5,"a\nb",ignored`,
    `${sensor},${at}00:00:01Z,,"c,""d""",`,
    `${sensor},${at}00:00:02Z,x,kg,`,
    '',
  ].join('\n')
  const receipt = await stage.push(text, { dataset: 'readings', format: 'csv' })
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 3, loaded: 2, rejected: 1 }])
  assert.deepEqual(await where(receipt), [[5, 'value', 'invalid-format']])
  const { rows } = await stage.database.query('SELECT value, quality, unit FROM readings WHERE sensor = $1 ORDER BY at', [sensor])
  assert.deepEqual(rows, [
    { value: 1.5, quality: 0, unit: 'a\nb' },
    { value: null, quality: 0, unit: 'c,"d"' },
  ])
})

test('rows and their multi-byte characters straddle the edges of chunks, and each is loaded once', async () => {
  const sensor = randomUUID()
  const day = new Date().toISOString().slice(0, 10)
  // Rows of up to 900 kB of three-byte characters in a column that the dataset leaves out: every chunk edge falls into one.
  const rows = Array.from({ length: 60 }, (_, i) => {
    const at = `${day}T00:00:${String(i).padStart(2, '0')}Z`
    return `${JSON.stringify({ sensor, at, value: i, note: '東'.repeat(250_000 + i * 1000), unit: '°C𝄞' })}\n`
  })
  const bytes = Buffer.from(rows.join(''))
  const receipt = await stage.push(bytes, { dataset: 'readings' })
  assert.ok(bytes.length > 40e6 && receipt.chunks.planned! >= 3, `${receipt.chunks.planned} chunks`)
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 60, loaded: 60 }])
  const { rows: found } = await stage.database.query(
    'SELECT count(*)::int AS n, count(DISTINCT value)::int AS values, sum(value)::int AS sum FROM readings WHERE sensor = $1 AND unit = $2',
    [sensor, '°C𝄞'],
  )
  assert.deepEqual(found, [{ n: 60, values: 60, sum: (59 * 60) / 2 }])
})
