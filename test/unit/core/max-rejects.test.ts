import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openUploadBody } from '#core/api/contract.ts'
import { isMaxRejects } from '#core/dataset/max-rejects.ts'
import { LoadError } from '#core/errors.ts'
import { endingOf } from '#core/loads/ending.ts'
import { receiptOf } from '#core/loads/load.ts'
import { reconciles } from '#core/loads/receipt.ts'
import { demandFewRejects, givenUp, tooMany } from '#core/rejects/max-rejects.ts'
import { refuse } from '#core/values/reject.ts'
import { exampleBatch, exampleChunk, exampleLoad, exampleNow } from '../../support/example-load.ts'

test('a count is exact; a share is judged from 1,000 rows on', () => {
  const cases: [number | string, number, number, boolean][] = [
    [0, 1, 0, false],
    [0, 1, 1, true],
    [1000, 5000, 1000, false],
    [1000, 5000, 1001, true],
    ['1%', 999, 999, false],
    ['1%', 1000, 10, false],
    ['1%', 1000, 11, true],
    ['0.05%', 100_000, 50, false],
    ['0.05%', 100_000, 51, true],
    ['0.57%', 10_000, 57, false],
    ['0.57%', 10_000, 58, true],
    ['0.0001%', 1_000_000, 1, false],
    ['100%', 5000, 5000, false],
    ['0%', 5000, 1, true],
  ]
  for (const [max, received, rejected, expected] of cases)
    assert.equal(tooMany(max, { received, rejected }), expected, `${max}: ${rejected} of ${received}`)
})

test('a load that is ended anew once all of its chunks came still has too many rejects', async () => {
  async function* chunks() {
    yield exampleChunk(0, { received: 10, loaded: 4, rejected: 6 })
    yield exampleChunk(1, { received: 10, loaded: 5, rejected: 5, last: true })
  }
  const load = exampleBatch({ planned: 2, committed: 2, size: 0, expectedRows: 20, received: 20, loaded: 9, rejected: 11 })
  const stateWith = async (maxRejects: number) => {
    const { state, problem } = await endingOf({ ...load, maxRejects }, chunks())
    return [state, problem?.code]
  }
  assert.deepEqual(await stateWith(10), ['failed', 'too-many-rejects'])
  assert.deepEqual(await stateWith(11), ['complete', undefined])
})

test('what may be given as a limit', () => {
  for (const good of [0, 1000, '1%', '0.25%', '100%']) assert.ok(isMaxRejects(good), String(good))
  for (const bad of [-1, 1.5, Number.NaN, '1', '101%', '-1%', '1.23456%', '1 %', '']) assert.ok(!isMaxRejects(bad), String(bad))
  const body = { fileName: 'a', size: 1, format: 'ndjson' }
  assert.ok(openUploadBody.safeParse({ ...body, maxRejects: '1%' }).success)
  assert.ok(!openUploadBody.safeParse({ ...body, maxRejects: '1' }).success)
})

test('the receipt of a load that was stopped says what is loaded by now, not when it was stopped', () => {
  const thrown = (() => {
    try {
      demandFewRejects(10, { received: 500, rejected: 11 })
    } catch (error) {
      return error
    }
  })()
  assert.ok(thrown instanceof LoadError)
  assert.equal(thrown.problem.detail, '11 of 500 rows were rejected, and the load takes 10 at most.')
  const load = exampleLoad({
    state: 'failed',
    problem: thrown.problem,
    maxRejects: 10,
    planned: 4,
    committed: 2,
    size: 4000,
    bytesRead: 2500,
    received: 1000,
    loaded: 980,
    duplicate: 8,
    rejected: 12,
  })
  const receipt = receiptOf(load, exampleNow)
  assert.ok(reconciles(receipt.rows))
  assert.equal(receipt.rows.pending, 0)
  assert.equal(
    receipt.problem?.detail,
    '11 of 500 rows were rejected, and the load takes 10 at most. Committed are 2 of 4 chunks, with 980 rows loaded, 0 updated and 8 duplicate; 1,500 of 4,000 bytes are in chunks that were not committed: nothing of them is loaded.',
  )
})

test('a chunk that is given up names its first rejects', () => {
  const { problem } = givenUp(1, 3, [{ refusal: refuse('wrong-type', 'delay', 'a number is expected'), offset: 70 }])
  assert.equal(problem.code, 'too-many-rejects')
  assert.deepEqual(problem.errors, [{ pointer: '/offset/70', detail: 'column "delay": a number is expected (wrong-type)' }])
})
