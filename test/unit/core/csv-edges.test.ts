import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Edge, findEdges, joinEdges } from '#core/reading/csv-edges.ts'
import { csvRows } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'

const rowBytes = 200

/** Text offset at which the first row at or behind each chunk's beginning begins, read in one go. */
function sequentially(bytes: Buffer, chunkSize: number): number[] {
  const splitter = new RowSplitter({ boundaries: csvRows(standardCsv), rowBytes, offset: 0, skipToNewline: false, ranged: false })
  splitter.push(bytes)
  const starts: number[] = []
  for (let at = 0; at < bytes.length; at += chunkSize) {
    starts.push(splitter.offset)
    splitter.rows(at + chunkSize, true, () => undefined)
  }
  return starts
}

async function sideBySide(bytes: Buffer, chunkSize: number, piece: number): Promise<number[] | undefined> {
  const edges: Edge[][] = []
  for (let from = 0; from < bytes.length; from += chunkSize) {
    const to = Math.min(from + chunkSize, bytes.length)
    let at = Math.max(0, from - 1)
    const next = async () => {
      if (at >= bytes.length) return undefined
      const start = at
      at = Math.min(at + piece, bytes.length)
      return bytes.subarray(start, at)
    }
    if (from === 0) edges.push([{ start: 0, end: sequentially(bytes, chunkSize)[1] ?? bytes.length }])
    else edges.push(await findEdges({ from, to, rowBytes, dialect: standardCsv, next }))
  }
  return joinEdges(edges, chunkSize)
}

const plain = fc.constantFrom('a', '', 'word', '1.5', 'é')
const quoted = fc.array(fc.constantFrom('a', ',', '\n', '""', '\r\n', ' ', 'x,y\n'), { maxLength: 6 }).map((p) => `"${p.join('')}"`)
const rows = (field: fc.Arbitrary<string>) =>
  fc
    .array(
      fc.array(field, { minLength: 1, maxLength: 4 }).map((f) => f.join(',')),
      { maxLength: 30 },
    )
    .map((r) => Buffer.from(r.join('\n')))

test('well-formed CSV: chunks looked at side by side, joined, begin where one reader finds their rows', async () => {
  let joined = 0
  await fc.assert(
    fc.asyncProperty(
      rows(fc.oneof(plain, quoted)),
      fc.integer({ min: 3, max: 40 }),
      fc.integer({ min: 1, max: 50 }),
      async (bytes, size, piece) => {
        const found = await sideBySide(bytes, size, piece)
        assert.ok(found, 'no state explains a well-formed file')
        assert.deepEqual(found, sequentially(bytes, size))
        joined += found.length
      },
    ),
    { numRuns: 3000 },
  )
  assert.ok(joined > 10_000)
})

test('damaged CSV: joined as one reader would read it, or left to that one reader', async () => {
  const damaged = fc.constantFrom('"', '"open', 'mid"dle', '"closed"x', '""', '"a""b"', 'x'.repeat(250), `"${'y'.repeat(250)}`)
  let [joined, left] = [0, 0]
  await fc.assert(
    fc.asyncProperty(
      rows(fc.oneof({ weight: 6, arbitrary: plain }, { weight: 2, arbitrary: quoted }, { weight: 1, arbitrary: damaged })),
      fc.integer({ min: 3, max: 60 }),
      fc.integer({ min: 1, max: 50 }),
      async (bytes, size, piece) => {
        const found = await sideBySide(bytes, size, piece)
        if (!found) {
          left++
          return
        }
        joined++
        assert.deepEqual(found, sequentially(bytes, size))
      },
    ),
    { numRuns: 4000 },
  )
  assert.ok(joined > 1000, `${joined} joined, ${left} left to one reader`)
})
