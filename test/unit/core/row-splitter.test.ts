import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { csvRows, parseCsvRow as parseRow } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { ndjsonBoundaries } from '#core/rows/ndjson.ts'
import type { RowBoundaries } from '#core/rows/row-boundaries.ts'
import { RowSplitter, type SplitRow } from '#core/rows/row-splitter.ts'
import { createRowCounter } from '../../../client/src/rows.ts'

interface Row {
  text: string
  line: number
  offset: number
  oversized: boolean
}

/** Reads the rows that begin in [from, to), the bytes arriving in pieces. */
function readRange(
  bytes: Buffer,
  from: number,
  to: number,
  pieces: number,
  options: { boundaries: RowBoundaries; rowBytes: number },
): Row[] {
  const start = from === 0 ? 0 : from - 1
  const splitter = new RowSplitter({ ...options, offset: start, skipToNewline: from > 0, ranged: true })
  const rows: Row[] = []
  const onRow = (r: SplitRow): void => {
    rows.push({ text: r.bytes.toString('latin1'), line: r.line, offset: r.offset, oversized: r.oversized })
  }
  for (let p = start; p < bytes.length; p += pieces) {
    splitter.push(bytes.subarray(p, p + pieces))
    if (splitter.rows(to, false, onRow)) return rows
  }
  splitter.rows(to, true, onRow)
  return rows
}

const ndjson = { boundaries: ndjsonBoundaries, rowBytes: 20 }
const lines = fc.array(fc.constantFrom('{"a":1}', '', '  ', '\r', 'é', 'x'.repeat(30), '{"b":"long value"}', '{}\r'), { maxLength: 20 })

test('every row is read by exactly one chunk, whatever the chunk size, the pieces and the end of the file', () => {
  fc.assert(
    fc.property(lines, fc.boolean(), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 40 }), (parts, ending, chunk, pieces) => {
      const bytes = Buffer.from(parts.join('\n') + (ending ? '\n' : ''))
      const whole: Row[] = []
      let offset = 0
      for (const [i, part] of parts.entries()) {
        const raw = Buffer.from(part)
        const kept = raw.at(-1) === 13 ? raw.subarray(0, -1) : raw
        if (part.trim() !== '')
          whole.push({ text: kept.length > 20 ? '' : kept.toString('latin1'), line: i + 1, offset, oversized: kept.length > 20 })
        offset += raw.length + 1
      }
      const read: Row[] = []
      for (let from = 0; from < bytes.length; from += chunk) read.push(...readRange(bytes, from, from + chunk, pieces, ndjson))
      const strip = (rows: Row[], line: boolean) => rows.map((r) => ({ ...r, text: r.oversized ? '' : r.text, line: line ? r.line : 0 }))
      assert.deepEqual(strip(read, false), strip(whole, false))
      assert.deepEqual(strip(readRange(bytes, 0, Number.POSITIVE_INFINITY, pieces, ndjson), true), strip(whole, true))
    }),
    { numRuns: 2000 },
  )
})

test('a byte order mark is skipped, also when it arrives in pieces', () => {
  for (const pieces of [1, 2, 3, 100]) {
    const rows = readRange(Buffer.from('\ufeff{}\n{}'), 0, 99, pieces, ndjson)
    assert.deepEqual(
      rows.map((r) => [r.text, r.offset]),
      [
        ['{}', 3],
        ['{}', 6],
      ],
    )
  }
})

test('a giant line is refused without being held or read to its end', () => {
  const splitter = new RowSplitter({ ...ndjson, offset: 0, skipToNewline: false, ranged: true })
  const rows: SplitRow[] = []
  splitter.push(Buffer.alloc(1000, 'x'))
  assert.equal(
    splitter.rows(500, false, (r) => rows.push(r)),
    true,
  )
  assert.deepEqual(
    rows.map((r) => [r.oversized, r.offset]),
    [[true, 0]],
  )
})

test('of an oversized row as many bytes are shown however they arrive, and nothing of the rows behind it', () => {
  const bytes = Buffer.from(`${'x'.repeat(30)}\n{"a":1}\n${'y'.repeat(40)}`)
  for (const pieces of [1, 3, 25, 31, 100])
    assert.deepEqual(
      readRange(bytes, 0, bytes.length, pieces, ndjson).map((r) => r.text),
      ['x'.repeat(20), '{"a":1}', 'y'.repeat(20)],
      `${pieces}`,
    )
})

test('what is a row does not depend on how the bytes arrive, also around the longest row and in blank lines longer than it', () => {
  const part = fc.constantFrom(
    '{"a":1}',
    ' ',
    ' '.repeat(19),
    '\t'.repeat(45),
    'x'.repeat(19),
    'x'.repeat(20),
    'x'.repeat(21),
    'x'.repeat(40),
    '\r',
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(part, fc.constantFrom('', ' '.repeat(30), '{}'), fc.constantFrom('\n', '\r\n')), { maxLength: 8 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 50 }),
      (parts, ending, chunk, pieces) => {
        const text = parts
          .flat()
          .join('')
          .slice(0, ending ? undefined : -1)
        const bytes = Buffer.from(text)
        const atOnce = readRange(bytes, 0, Number.POSITIVE_INFINITY, bytes.length + 1, ndjson)
        const counter = createRowCounter()
        counter.push(bytes)
        assert.equal(atOnce.length, counter.rows(), 'the client counts the same rows')
        const inPieces = readRange(bytes, 0, Number.POSITIVE_INFINITY, pieces, ndjson)
        const chunks: Row[] = []
        for (let from = 0; from < bytes.length; from += chunk) chunks.push(...readRange(bytes, from, from + chunk, pieces, ndjson))
        const facts = (rows: Row[]) => rows.map(({ offset, oversized, text }) => ({ offset, oversized, text: oversized ? '' : text }))
        assert.deepEqual(facts(inPieces), facts(atOnce))
        assert.deepEqual(facts(chunks), facts(atOnce))
      },
    ),
    { numRuns: 3000 },
  )
})

const parseCsvRow = (text: string) => parseRow(text, standardCsv)
const csv = { boundaries: csvRows(standardCsv), rowBytes: 60 }
test('CSV: a quoted field that closes far behind the longest row ends in the same place however the bytes arrive', () => {
  const piece = fc.constantFrom('a', '"', '""', ',', '\n', '\r\n', 'x'.repeat(25), 'x'.repeat(70), '"a\nb"', 'b,c\n')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 90 }), (parts, pieces) => {
      const bytes = Buffer.from(parts.join(''))
      const facts = (size: number) =>
        readRange(bytes, 0, Number.POSITIVE_INFINITY, size, csv).map(({ offset, line, oversized, text }) => ({
          offset,
          line,
          oversized,
          text: oversized ? '' : text,
        }))
      assert.deepEqual(facts(pieces), facts(bytes.length + 1))
    }),
    { numRuns: 3000 },
  )
})

const field = fc.constantFrom('a', '', '"q"', '"a,b"', '"new\nline"', '"two""quotes"', 'é')
test('CSV: quoted newlines, commas and quotes stay inside their row, whatever the pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 30 }),
      (table, pieces) => {
        const bytes = Buffer.from(table.map((r) => `${r.join(',')}\r\n`).join(''))
        const rows = readRange(bytes, 0, Number.POSITIVE_INFINITY, pieces, csv)
        assert.deepEqual(
          rows.map((r) => r.text),
          table.map((r) => Buffer.from(r.join(',')).toString('latin1')),
        )
        for (const [i, row] of table.entries()) {
          const expected = row.map((f) => (f === '' ? null : f.startsWith('"') ? f.slice(1, -1).replaceAll('""', '"') : f))
          assert.deepEqual(parseCsvRow(table[i]!.join(',')), expected)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('CSV: a quote that is never closed costs its own line and no other', () => {
  const good = Array.from({ length: 20 }, (_, i) => `${i},fine`)
  const bytes = Buffer.from([...good.slice(0, 5), '5,"broken', ...good.slice(6)].join('\n'))
  for (const pieces of [1, 7, 1000]) {
    const rows = readRange(bytes, 0, Number.POSITIVE_INFINITY, pieces, csv)
    assert.equal(rows.length, 20)
    assert.deepEqual(
      rows.filter((r) => parseCsvRow(r.text) === undefined).map((r) => r.line),
      [6],
    )
  }
})

test('CSV: text behind a closing quote costs its own line and no other', () => {
  const rows = readRange(Buffer.from('1,"a"b\n2,c\n3,"x\ny"z\n4,d\n'), 0, 99, 3, csv)
  assert.deepEqual(
    rows.map((r) => r.text),
    ['1,"a"b', '2,c', '3,"x', 'y"z', '4,d'],
  )
})
