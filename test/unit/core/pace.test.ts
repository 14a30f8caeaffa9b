import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseChunkJob } from '#core/loads/chunk.ts'
import { chunkKey, placeAfter, rejectsKey } from '#core/loads/load.ts'
import { Pace, rowsOfTry, untilGivenUp } from '#core/loads/pace.ts'
import { type Quota, readRows } from '#core/reading/read-rows.ts'
import { ndjsonBoundaries } from '#core/rows/ndjson.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'

/** A clock that a test moves on. */
function clock(left: number) {
  let now = left
  const pass = (ms: number): void => {
    now -= ms
  }
  return { pass, timeLeft: () => now }
}

test('a quick chunk leaves the next one unbounded', () => {
  const { pass, timeLeft } = clock(100_000)
  const pace = new Pace()
  const part = pace.begin(timeLeft)
  assert.equal(part.quota().rows, Number.POSITIVE_INFINITY)
  pass(10_000)
  part.committed(150_000)
  assert.equal(pace.rows, undefined)
})

test('reading stops when a fourth of the time is over, but not before the first row', () => {
  const { pass, timeLeft } = clock(100_000)
  const { isOver } = new Pace().begin(timeLeft).quota()
  pass(25_000)
  assert.equal(isOver(1), false)
  pass(1)
  assert.deepEqual([isOver(0), isOver(1)], [false, true])
})

test('a slow part bounds the next one to what fits into a fourth of the time; a quick one lets it grow eightfold at most', () => {
  const { pass, timeLeft } = clock(100_000)
  const pace = new Pace()
  const slow = pace.begin(timeLeft)
  pass(50_000)
  slow.committed(10_000)
  assert.equal(pace.rows, 5000)
  const quick = pace.begin(timeLeft)
  pass(1)
  quick.committed(5000)
  assert.equal(pace.rows, 40_000)
})

test('each part that is cut off is followed by a smaller one, and at one row it ends', () => {
  const pace = new Pace()
  let [tried, tries] = [200_000, 0]
  for (;;) {
    const { quota } = pace.begin(() => 1000)
    quota().isOver(Math.min(tried, quota().rows))
    if (!pace.cutOff()) break
    assert.ok(pace.rows! < tried)
    tried = pace.rows!
    tries++
  }
  assert.deepEqual([tried, tries], [1, 6])
})

test('where no row was read, fewer rows would not help', () => {
  const pace = new Pace(500)
  pace.begin(() => 1000).quota()
  assert.deepEqual([pace.cutOff(), pace.rows], [false, 500])
})

test('a message that was received before begins with fewer rows', () => {
  assert.deepEqual(
    [1, 2, 3, 5, 9].map((received) => rowsOfTry(undefined, received)),
    [undefined, 25_000, 3125, 48, 1],
  )
  assert.equal(rowsOfTry(800, 2), 100)
})

test('work is given up five seconds before the end, of a short time with a fourth of it left', () => {
  assert.deepEqual([untilGivenUp(() => 120_000)(), untilGivenUp(() => 4000)()], [115_000, 3000])
})

test('a message keeps which part is next, and how many rows it may have', () => {
  const job = { tenant: 'acme', load: 'ld_1', chunk: 3, mode: 'range', from: 70, part: 2, rows: 40 }
  assert.deepEqual(parseChunkJob(JSON.stringify(job)), job)
  assert.equal(parseChunkJob(JSON.stringify({ ...job, rows: 'x' })), undefined)
})

test('keys of parts come behind their chunk’s, before the next chunk’s', () => {
  const keys = [chunkKey('l', 1).sk, chunkKey('l', 1, 1).sk, chunkKey('l', 1, 12).sk, chunkKey('l', 2).sk]
  assert.deepEqual([...keys].sort(), keys)
  const load = { tenant: 't', dataset: 'd', id: 'l' }
  assert.deepEqual([rejectsKey(load, 1), rejectsKey(load, 1, 2)], ['t/d/l/0000001.ndjson', 't/d/l/0000001-0000002.ndjson'])
  assert.deepEqual(placeAfter({ chunk: 1, part: 2, more: true }), { chunk: 1, part: 3 })
  assert.deepEqual(placeAfter({ chunk: 1, part: 2 }), { chunk: 2, part: 0 })
})

test('reading in parts, each from where the last one ended: the rows of one reading, never more than a part may have', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'bb', '', 'x'.repeat(30), ' ', 'ccc\r'), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 40 }),
      fc.infiniteStream(fc.boolean()),
      fc.integer({ min: 1, max: 400 }),
      async (lines, rows, pieceBytes, stops, limit) => {
        const text = Buffer.from(lines.join('\n'))
        const whole = await read(text, 0, limit, pieceBytes)
        const found: string[] = []
        let [at, lineCount] = [0, 0]
        for (let [more, tries] = [true, 0]; more; tries++) {
          assert.ok(tries < 200, 'it does not end')
          const part = await read(text, at, limit, pieceBytes, { rows, isOver: (n) => n > 0 && stops.next().value! })
          assert.ok(part.received <= rows && (part.received > 0 || !part.more))
          found.push(...part.found)
          lineCount += part.lines
          at = part.nextRow
          more = part.more === true
        }
        // A row that is too long is let go of somewhere behind the limit.
        const ends = [at, whole.nextRow].map((end) => Math.min(end, limit))
        assert.deepEqual([found, ends[0], lineCount], [whole.found, ends[1], whole.lines])
      },
    ),
    { numRuns: 500 },
  )
})

async function read(text: Buffer, offset: number, limit: number, pieceBytes: number, quota?: Quota) {
  const splitter = new RowSplitter({ boundaries: ndjsonBoundaries, rowBytes: 20, offset, skipToNewline: false, ranged: true })
  let at = offset
  const found: string[] = []
  const rows = await readRows(
    {
      splitter,
      async more() {
        if (at >= text.length) return false
        splitter.push(text.subarray(at, at + pieceBytes))
        at = Math.min(text.length, at + pieceBytes)
        return true
      },
    },
    limit,
    {
      scanner: undefined,
      ignored: () => undefined,
      encode: (bytes, _line, place) => {
        found.push(`${place}:${bytes}`)
        return undefined
      },
    },
    { write: async () => undefined, refuse: (_refusal, row) => void found.push(`${row.offset}!`), flush: async () => undefined },
    0,
    quota,
  )
  return { ...rows, found }
}
