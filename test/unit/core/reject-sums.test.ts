import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { attributeOf, listedSums, RejectTally, type SumAttribute } from '#core/rejects/reject-sums.ts'
import { type RejectCode, refuse } from '#core/values/reject.ts'

const refusal = fc
  .tuple(
    fc.constantFrom<RejectCode>('wrong-type', 'unknown-column', 'out-of-range', 'sqlstate-23514'),
    fc.option(
      fc.oneof(
        fc.constantFrom('a', 'b'),
        fc.integer({ min: 0, max: 60 }).map((n) => `c${n}`),
        fc.string(),
      ),
    ),
  )
  .map(([code, column]) => refuse(code, column, 'no'))
const columns = ['a', 'b', ...Array.from({ length: 61 }, (_, i) => `c${i}`)]

/** What the projection does with the sums of each chunk. */
function addUp(chunks: readonly RejectTally[]) {
  const load: Record<SumAttribute, number> = {}
  for (const { sums } of chunks) for (const sum of sums) load[attributeOf(sum)] = (load[attributeOf(sum)] ?? 0) + sum.rows
  return load
}

test('however rejects are spread over chunks, their sums by code are exact, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.array(fc.array(refusal, { maxLength: 300 }), { minLength: 1, maxLength: 4 }), (chunks) => {
      const tallies = chunks.map((rows) => {
        const tally = new RejectTally(columns)
        for (const row of rows) tally.add(row)
        assert.ok(tally.sums.length <= 110)
        return tally
      })
      const all = chunks.flat()
      const load = addUp(tallies)
      for (const code of new Set(all.map((r) => r.code))) {
        const summed = Object.entries(load).filter(([name]) => name === `rejects/${code}` || name.startsWith(`rejects/${code}/`))
        assert.equal(
          summed.reduce((sum, [, rows]) => sum + rows, 0),
          all.filter((r) => r.code === code).length,
        )
      }
      const { byCode, others } = listedSums(load, all.length)
      assert.ok(byCode.length <= 20 && others >= 0)
      assert.equal(
        byCode.reduce((sum, { rows }) => sum + rows, others),
        all.length,
      )
    }),
  )
})

test('the most frequent come first; a name that is no column of the dataset is not told apart', () => {
  const tally = new RejectTally(['delay'])
  tally.add(refuse('unknown-column', 'whatever/1', 'no'))
  tally.add(refuse('unknown-column', 'whatever 2', 'no'))
  tally.add(refuse('invalid-json', null, 'no'))
  for (let i = 0; i < 5; i++) tally.add(refuse('wrong-type', 'delay', 'no'))
  const expected = [
    { code: 'wrong-type', column: 'delay', rows: 5 },
    { code: 'unknown-column', column: null, rows: 2 },
    { code: 'invalid-json', column: null, rows: 1 },
  ]
  assert.deepEqual(tally.sums, expected)
  assert.deepEqual(listedSums(addUp([tally, tally]), 16).byCode[0], { code: 'wrong-type', column: 'delay', rows: 10 })
})

test('rejects that were counted before there were sums are told as others', () => {
  assert.deepEqual(listedSums({}, 7), { byCode: [], others: 7 })
})
