import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cutBatch } from '#core/batches/batch-cut.ts'
import type { BatchForm } from '#core/batches/batch-form.ts'
import { type BatchRows, readBatch } from '#core/batches/batch-rows.ts'
import { decodeEnvelope, type Envelope } from '#core/batches/envelope.ts'
import { placeOf } from '#core/batches/places.ts'
import { bigint, integer, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { RequestError } from '#core/errors.ts'
import { crc32, crc32ToHex } from '#core/loads/crc32.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { readRows } from '#core/reading/read-rows.ts'
import { type CsvDialect, standardCsv } from '#core/rows/csv-dialect.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { exampleBatch } from '../../support/example-load.ts'
import { below, randomFrom } from '../../support/random.ts'

const notes = (orderingKey?: 'k'): Dataset =>
  dataset('notes', {
    description: 'of a test',
    columns: { id: bigint(), k: text(), note: text({ nullable: true }), n: integer({ nullable: true }) },
    primaryKey: ['id', 'k'],
    onConflict: 'ignore',
    limits: { rowBytes: 400 },
    ...(orderingKey && { orderingKey }),
  })
const free = notes()
const ordered = notes('k')
const day = new Date('2026-01-02')

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** The COPY rows of a text, each with its place, as the loader reads them: hex without line and offset. */
async function copyRows(text: Buffer, target: Dataset, form: BatchForm): Promise<{ row: string; line: number; offset: number }[]> {
  const { boundaries, hasHeader, reader } = rowFormatOf(form)
  const splitter = new RowSplitter({
    ...{ boundaries: boundaries(0), rowBytes: target.limits.rowBytes, offset: 0, skipToNewline: false, ranged: false },
  })
  splitter.push(text)
  const header = hasHeader ? splitter.first(true) : undefined
  if (hasHeader && !header) return []
  const found: { row: string; line: number; offset: number }[] = []
  const { encode } = reader(target, { day, lead: true }, header ? Buffer.from(header.bytes) : Buffer.alloc(0))
  const sink = {
    write: async (rows: Uint8Array) => {
      const bytes = Buffer.from(rows)
      for (let at = 0; at < bytes.length; ) {
        const begin = at
        const fields = bytes.readInt16BE(at)
        at += 2
        for (let f = 0; f < fields; f++) at += 4 + Math.max(0, bytes.readInt32BE(at))
        const [line, offset] = [Number(bytes.readBigInt64BE(begin + 6)), Number(bytes.readBigInt64BE(begin + 18))]
        found.push({ row: bytes.toString('hex', begin + 26, at), line, offset })
      }
    },
    refuse: () => undefined,
    flush: async () => undefined,
  }
  // The general parser alone: what it says is what holds.
  await readRows({ splitter, more: async () => false }, 1e9, { encode, scanner: undefined, ignored: () => undefined }, sink, splitter.lines)
  return found
}

const value = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('', '\ufeffmark', 'a,b', '"q"', 'line\nbreak', 'x'.repeat(500), 'ä€😀'),
)
const row = fc.record({
  id: fc.oneof(fc.integer(), fc.constant('no number')),
  k: value,
  note: fc.option(value),
  n: fc.option(fc.integer({ max: 3e9 })),
}) // some do not fit
type Row = { id: unknown; k: string; note: string | null; n: number | null }
const blank = fc.constantFrom('', '', '', '\n', '\r\n\n')
const space = fc.constantFrom('', '', ' ', '\n', '\r\n  ')

const csvField = (v: unknown): string =>
  v === null ? '' : /[",\r\n\ufeff]|^$/.test(String(v)) && v !== '\ufeffmark' ? `"${String(v).replaceAll('"', '""')}"` : String(v)
const csvLine = (r: Row): string => [r.k, r.id, r.note, r.n].map(csvField).join(',')

/** A body of any format, with rows good and bad, and whatever may stand between them. */
const body: fc.Arbitrary<{ form: BatchForm; bytes: Buffer }> = fc
  .record({
    rows: fc.array(
      fc.record({ row, before: blank, around: space, junk: fc.option(fc.constantFrom('nonsense', '{"id":', '"open', '[1]'), { freq: 6 }) }),
      { maxLength: 30 },
    ),
    format: fc.constantFrom('ndjson', 'json', 'csv') as fc.Arbitrary<BatchForm['format']>,
    mark: fc.boolean(),
    end: fc.constantFrom('', '\n', '\r\n'),
    pretty: fc.boolean(),
    header: fc.boolean(),
  })
  .map(({ rows, format, mark, end, pretty, header }) => {
    const start = mark ? '\ufeff' : ''
    const lineEnd = end === '\r\n' ? '\r\n' : '\n'
    if (format === 'json') {
      const elements = rows.map(({ row, around }) => `${around}${JSON.stringify(row, null, pretty ? 2 : 0)}${around}`)
      return { form: { format }, bytes: Buffer.from(`${start}[${elements.join(',')}]${end}`) }
    }
    const line = format === 'csv' ? csvLine : JSON.stringify
    const lines = rows.map(({ row, before, junk }) => before + (junk && format === 'ndjson' ? junk : line(row as Row)))
    const all = lines.join(lineEnd) + end
    if (format === 'ndjson') return { form: { format }, bytes: Buffer.from(start + all) }
    const dialect: CsvDialect = header ? standardCsv : { ...standardCsv, header: false, columns: ['k', 'id', 'note', 'n'] }
    return { form: { format, csv: dialect }, bytes: Buffer.from(`${start}${header ? `k,id,note,n${lineEnd}` : ''}${all}`) }
  })

const loadOf = (lanes: number | undefined) => exampleBatch({ dataset: 'notes', ...(lanes !== undefined && { lanes }) })
const envelopesOf = (batch: BatchRows, lanes?: number): Envelope[] =>
  cutBatch(batch, loadOf(lanes)).records.map((r) => decodeEnvelope(r.data))

test('whatever the rows, their format and the lanes: the envelopes have exactly the good rows, in order, with their places in the body', async () => {
  await fc.assert(
    fc.asyncProperty(
      body,
      fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      fc.integer({ min: 1, max: 200 }),
      fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constant(1e6)),
      async ({ form, bytes }, lanes, size, textBytes) => {
        const target = lanes === undefined ? free : ordered
        const batch = await readBatch(target, form, day, inPieces(bytes, size))
        const expected = await copyRows(bytes, target, form)
        assert.equal(batch.received, expected.length + batch.refused.length)
        if (batch.received === 0) return
        const cut = cutBatch(batch, loadOf(lanes), textBytes)
        const envelopes = cut.records.map((r) => decodeEnvelope(r.data))

        const found: { row: string; line: number; offset: number }[] = []
        const laneOfKey = new Map<string, number | undefined>()
        for (const { header, text, places } of envelopes) {
          const rows = await copyRows(text, target, header)
          assert.equal(rows.length, header.rows)
          // One byte more where a mark must not stand at the beginning.
          assert.ok(rows.length <= 1 || text.length <= textBytes + 1)
          for (const { row, line, offset } of rows) {
            found.push({ row, ...placeOf(places, line, offset) })
            const key = keyOf(row)
            if (lanes !== undefined) assert.equal(laneOfKey.get(key) ?? header.lane, header.lane)
            laneOfKey.set(key, header.lane)
          }
          const ofLane = found.slice(-rows.length).map(({ offset }) => offset)
          assert.deepEqual(
            ofLane,
            [...ofLane].sort((a, b) => a - b),
          )
        }
        // Chunk after chunk within a lane, and within the whole where there are none.
        for (const lane of new Set(envelopes.map(({ header }) => header.lane))) {
          const starts = envelopes
            .filter(({ header }) => header.lane === lane && header.rows > 0)
            .map(({ places }) => places[0]!.offsetShift)
          assert.deepEqual(
            starts,
            [...starts].sort((a, b) => a - b),
          )
        }
        assert.deepEqual(
          found.sort((a, b) => a.offset - b.offset),
          expected,
        )
      },
    ),
    { numRuns: 300 },
  )
})

/** The second column of a COPY row. */
function keyOf(row: string): string {
  const bytes = Buffer.from(row, 'hex')
  const at = 4 + bytes.readInt32BE(0)
  return bytes.toString('utf8', at + 4, at + 4 + bytes.readInt32BE(at))
}

test('the same body makes the same bytes, however it arrives', async () => {
  await fc.assert(
    fc.asyncProperty(body, fc.integer({ min: 1, max: 50 }), async ({ form, bytes }, size) => {
      const [one, other] = [
        await readBatch(ordered, form, day, inPieces(bytes, 1e6)),
        await readBatch(ordered, form, day, inPieces(bytes, size)),
      ]
      assert.equal(one.text.digest(), other.text.digest())
      if (one.received > 0) assert.deepEqual(cutBatch(other, loadOf(3)), cutBatch(one, loadOf(3)))
    }),
    { numRuns: 100 },
  )
})

test('the texts follow each other without a gap, and their CRC32 is that of all of them', async () => {
  await fc.assert(
    fc.asyncProperty(body, async ({ form, bytes }) => {
      const batch = await readBatch(ordered, form, day, inPieces(bytes, 1e6))
      if (batch.received === 0) return
      const cut = cutBatch(batch, loadOf(4))
      let [size, crc] = [0, 0]
      for (const [i, { header, text }] of cut.records.map((r) => decodeEnvelope(r.data)).entries()) {
        assert.deepEqual([header.chunk, header.start, header.last], [i, size, i === cut.records.length - 1])
        size += text.length
        crc = crc32(text, crc)
      }
      assert.deepEqual([cut.size, cut.crc32], [size, crc32ToHex(crc)])
    }),
    { numRuns: 50 },
  )
})

const line = (id: unknown, note = ''): string => `${JSON.stringify({ id, k: 'a', note })}\n`
const read = (bytes: string | Buffer, form: BatchForm = { format: 'ndjson' }, target = free) =>
  readBatch(target, form, day, inPieces(Buffer.from(bytes), 1e6))

test('refused rows are counted by a first chunk that has no rows', async () => {
  const envelopes = envelopesOf(await read(line(1) + line('x') + line(2)))
  assert.deepEqual(
    envelopes.map(({ header: { chunk, rows, refused, last } }) => ({ chunk, rows, refused, last })),
    [
      { chunk: 0, rows: 0, refused: { rows: 1, sums: [{ code: 'invalid-format', column: 'id', rows: 1 }] }, last: false },
      { chunk: 1, rows: 2, refused: undefined, last: true },
    ],
  )
  const all = envelopesOf(await read('nonsense\n'))
  assert.deepEqual([all.length, all[0]!.header.last, all[0]!.header.refused?.rows], [1, true, 1])
})

test('a text has about a million bytes, and no row is divided', async () => {
  const wide = dataset('notes', { description: '', columns: { id: bigint(), note: text() }, primaryKey: ['id'], onConflict: 'ignore' })
  const rows = Array.from({ length: 40 }, (_, i) => `${JSON.stringify({ id: i, note: 'n'.repeat(i === 20 ? 1_040_000 : 90_000) })}\n`)
  const envelopes = envelopesOf(await read(rows.join(''), { format: 'ndjson' }, wide))
  assert.deepEqual(
    envelopes.map(({ header }) => header.rows),
    [11, 9, 1, 11, 8],
  )
})

test('the longest row of the least compressible text fits into a record', async () => {
  const wide = dataset('notes', { description: '', columns: { id: bigint(), note: text() }, primaryKey: ['id'], onConflict: 'ignore' })
  // Of every length of UTF-8 sequence as many as make the most different texts of so many bytes.
  let [seed, note] = [1, '']
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return (seed >>> 8) % n
  }
  while (note.length < 900_000) {
    const kind = random(1000)
    const point =
      kind < 890 ? 35 + random(92) : kind < 985 ? 128 + random(1920) : kind < 998 ? 2048 + random(50_000) : 65_536 + random(1_000_000)
    note += String.fromCodePoint(point === 44 || point === 92 ? 90 : point)
  }
  const rows = Buffer.from(`1,${note}\n`)
  const batch = await read(rows.subarray(0, 1024 * 1024), { format: 'csv', csv: { ...standardCsv, header: false } }, wide)
  assert.equal(batch.offsets.length, 1)
  for (const { data } of cutBatch(batch, loadOf(undefined)).records) assert.ok(data.length < 1024 * 1024 - 64, `${data.length}`)
})

test('a row that cannot be compressed into a record is refused by its line, and the batch with it', async () => {
  const wide = dataset('notes', { description: '', columns: { id: bigint(), note: text() }, primaryKey: ['id'], onConflict: 'ignore' })
  // Control characters too: no line break, no comma, no quote.
  const ascii = Array.from({ length: 127 }, (_, i) => i + 1).filter((c) => ![10, 13, 34, 44].includes(c))
  const random = randomFrom(1)
  const point = (): number => {
    const kind = random()
    if (kind < 0.86) return ascii[below(random, ascii.length)]!
    return kind < 0.98 ? 128 + below(random, 1920) : kind < 0.997 ? 2048 + below(random, 50_000) : 65_536 + below(random, 1e6)
  }
  const points = Array.from({ length: 1_000_000 }, () => String.fromCodePoint(point()))
  const note = Buffer.from(points.join('')).subarray(0, 1024 * 1024 - 8)
  const batch = await read(
    Buffer.concat([Buffer.from('1,x\n2,'), note, Buffer.from('z\n')]),
    { format: 'csv', csv: { ...standardCsv, header: false } },
    wide,
  )
  assert.deepEqual([batch.received, batch.refused.length], [2, 0])
  assert.throws(
    () => cutBatch(batch, loadOf(undefined)),
    (error) => error instanceof RequestError && error.problem.code === 'body-too-large' && error.message.includes('line 2 '),
  )
})

test('blank lines without end between two rows, or behind them, are left out of the envelopes; places stay true', async () => {
  const csv: CsvDialect = { ...standardCsv, header: false, columns: ['k', 'id', 'note', 'n'] }
  const gaps = ['\n'.repeat(2_200_000), '\r\n'.repeat(1_100_000)]
  const bodies: [BatchForm, (id: number) => string, string[]][] = [
    [{ format: 'ndjson' }, (id) => JSON.stringify({ id, k: 'a' }), [`\n${' '.repeat(2_200_000)}\n`, ...gaps]],
    [{ format: 'csv', csv }, (id) => `a,${id},"two\nlines",`, gaps],
  ]
  for (const [form, row, gapsOf] of bodies)
    for (const gap of gapsOf) {
      const bytes = Buffer.from(`${row(1)}\n${gap}${row(2)}\n${row(3)}\n`)
      for (const lanes of gap === gapsOf[0] ? [undefined, 2] : [2]) {
        const target = lanes === undefined ? free : ordered
        const found: { row: string; line: number; offset: number }[] = []
        for (const { header, text, places } of envelopesOf(await read(bytes, form, target), lanes))
          for (const { row, line, offset } of await copyRows(text, target, header)) found.push({ row, ...placeOf(places, line, offset) })
        assert.deepEqual(found, await copyRows(bytes, target, form))
      }
    }
})

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
  } catch (error) {
    if (error instanceof RequestError) return error.problem.code
    throw error
  }
  return 'none'
}

test('100,000 rows are taken, and one more is not', async () => {
  const rows = '{"id":1,"k":"a"}\n'.repeat(100_000)
  assert.equal((await read(rows)).received, 100_000)
  assert.equal(await codeOf(read(`${rows}{"id":1,"k":"a"}`)), 'too-many-rows')
  assert.equal(await codeOf(read('x\n'.repeat(100_001))), 'too-many-rows')
})

test('a text of more than 64 MiB is refused where it passes that', async () => {
  let given = 0
  async function* endless(): AsyncGenerator<Buffer> {
    const piece = Buffer.alloc(1024 * 1024, 'x')
    for (;;) {
      given++
      yield piece
    }
  }
  assert.equal(await codeOf(readBatch(free, { format: 'ndjson' }, day, endless())), 'body-too-large')
  assert.equal(given, 65)
})

test('a text without rows has none, whatever its format', async () => {
  for (const [text, form] of [
    ['', { format: 'ndjson' }],
    ['\n \n', { format: 'ndjson' }],
    [' [ ] ', { format: 'json' }],
    ['', { format: 'csv' }],
    ['k,id,note,n\n', { format: 'csv' }],
  ] as const)
    assert.equal((await read(text, form)).received, 0, text)
})
