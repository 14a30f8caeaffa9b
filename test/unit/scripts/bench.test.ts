import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { csvLine } from '../../../scripts/bench/csv-text.ts'
import { judge, type Line, median, percentile } from '../../../scripts/bench/figures.ts'
import { largeCrc32, largeRows, largeSize, readLarge } from '../../../scripts/bench/large-object.ts'
import { lines } from '../../../scripts/bench/lines.ts'
import { selfTimes } from '../../../scripts/bench/self-times.ts'

const line: Line = { key: 'k', name: 'ours ÷ theirs', ours: 'ours', against: 'theirs', target: 1.5 }
const runs = (ours: readonly number[], theirs: readonly number[]) =>
  new Map([
    ['ours', ours.map((seconds, i) => ({ seconds, peakMiB: 100 + i }))],
    ['theirs', theirs.map((seconds) => ({ seconds }))],
  ])

test('the median is the middle value, or the mean of the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([100, 9]), 54.5)
  assert.throws(() => median([]))
})

test('a ratio is taken within each round and then the median of them, not the ratio of medians', () => {
  // The second round was slow for both. Ratios 2, 1.6, 1: their median is 1.6; the ratio of the medians would be 2.
  const result = judge(line, runs([1, 10, 2], [2, 16, 2]))
  assert.deepEqual(result.rounds, [2, 1.6, 1])
  assert.equal(result.measured, 1.6)
  assert.equal(result.holds, true)
  assert.deepEqual(result.seconds, { ours: [1, 10, 2], against: [2, 16, 2] })
  assert.equal(result.peakMiB, 102)
  assert.equal(result.target, '>= 1.5')
})

test('a line holds at its target and not just below it, whatever rounding shows', () => {
  assert.equal(judge(line, runs([1], [1.5])).holds, true)
  const below = judge(line, runs([1], [1.4999]))
  assert.equal(below.measured, 1.5)
  assert.equal(below.holds, false)
})

test('a line about memory takes the highest of all rounds and holds at or below its target', () => {
  const memory: Line = { ...line, against: undefined, target: 101 }
  const within = judge(memory, runs([1, 1], []))
  assert.deepEqual([within.measured, within.holds, within.unit], [101, true, 'MiB'])
  const above = judge(memory, runs([1, 1, 1], []))
  assert.deepEqual([above.measured, above.holds], [102, false])
})

test('what was not measured does not hold, and what has no target is only shown', () => {
  const missing = judge(line, new Map())
  assert.deepEqual([missing.measured, missing.holds], [null, null])
  const shown = judge({ ...line, target: undefined }, runs([1], [3]))
  assert.deepEqual([shown.measured, shown.holds, shown.target], [3, null, null])
})

test('every line has a key of its own, and no two the same name', () => {
  assert.equal(new Set(lines.map(({ key }) => key)).size, lines.length)
  assert.equal(new Set(lines.map(({ name }) => name)).size, lines.length)
})

test('the large object is the same bytes however it is cut, and has the checksum that is said of it', async () => {
  const rows = largeRows(0.0003)
  const read = async (from: number, to: number, piece: number): Promise<Buffer> => {
    const pieces: Buffer[] = []
    for await (const p of readLarge(from, to, piece)) pieces.push(p)
    return Buffer.concat(pieces)
  }
  const whole = await read(0, largeSize(rows), 1 << 20)
  assert.equal(whole.length, largeSize(rows))
  assert.equal(crc32(whole), largeCrc32(rows))
  const ids = whole
    .toString()
    .trimEnd()
    .split('\n')
    .map((text) => (JSON.parse(text) as { id: number }).id)
  assert.equal(ids.length, rows)
  assert.ok(ids.every((id, i) => id === ids[0]! + i))
  for (const [from, to] of [
    [0, 1],
    [117, 118_000],
    [109_999, 220_001],
    [whole.length - 5, whole.length],
  ] as const)
    assert.deepEqual(await read(from, to, 65_536), whole.subarray(from, to))
})

test('CSV of the bench: NULL is nothing, empty text is quoted, quotes are doubled', () => {
  assert.equal(csvLine([null, '', 'a"b', 'c,d', 5, true, { x: [1] }, undefined]), ',"","a""b","c,d",5,true,"{""x"":[1]}",\n')
})

test('self times: each sample belongs to the function on top', () => {
  const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber })
  const times = selfTimes({
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('scan', 'file:///x/core/scanner.ts', 9) },
      { id: 3, callFrame: frame('scan', 'file:///x/core/scanner.ts', 9) },
    ],
    samples: [1, 2, 3, 1],
    timeDeltas: [10, 20, 30, 40],
  })
  assert.deepEqual(
    [...times],
    [
      ['(idle)', 50],
      ['scan (core/scanner.ts:10)', 50],
    ],
  )
})

test('a line about calls takes its percentile of the calls of all rounds, and holds at or below its target', () => {
  const calls: Line = { ...line, against: undefined, calls: { percentile: 99, unit: 'ratio' }, target: 3 }
  const hundred = Array.from({ length: 50 }, (_, i) => i + 1)
  const all = new Map([
    [
      'ours',
      [
        { seconds: 1, calls: hundred },
        { seconds: 1, calls: hundred.map((n) => n + 50) },
      ],
    ],
  ])
  const result = judge(calls, all)
  assert.deepEqual([result.measured, result.holds, result.target, result.rounds], [99, false, '<= 3', [50, 100]])
  assert.deepEqual([percentile([3, 1, 2], 50), percentile([7], 99), percentile([4, 1, 3, 2], 50)], [2, 7, 2])
  assert.equal(judge({ ...calls, target: 99 }, all).holds, true)
  assert.deepEqual([judge(calls, new Map()).measured, judge(calls, new Map()).holds], [null, null])
})
