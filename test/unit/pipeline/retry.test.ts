import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retry, verdictOn } from '#platform/retry.ts'

const failure = (code: string, message = 'no') => Object.assign(new Error(message), { code })

for (const [verdict, codes] of [
  ['wait', ['40001', '40P01', '08006', '53300', '55P03', '57P01', '57014', '25006', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']],
  ['reject', ['22001', '23505', '23514', '54000', 'P0001']],
  ['stop', ['42P01', '28P01', '42501', '25P02', '', 'XX000']],
] as const)
  test(`errors of Postgres and of the socket that mean ${verdict}`, () => {
    for (const code of codes) assert.equal(verdictOn(failure(code)), verdict, code)
  })

test('what pg itself says of a lost connection means wait; a trigger may say the same of a row', () => {
  assert.equal(verdictOn(new Error('Connection terminated unexpectedly')), 'wait')
  assert.equal(verdictOn(failure('P0001', 'timeout expired')), 'reject')
})

test('only what may pass is tried again, and only so often', async () => {
  const run = async (retryable: boolean) => {
    let n = 0
    const work = async (): Promise<never> => {
      n++
      throw new Error('no')
    }
    await assert.rejects(retry(work, { tries: 3, base: 1, retryable: () => retryable }), /no/)
    return n
  }
  assert.deepEqual([await run(true), await run(false)], [3, 1])
})
