import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOutage, retry, verdictOn } from '#platform/postgres/retry.ts'

const failure = (code: string, message = 'no') => Object.assign(new Error(message), { code })

for (const [verdict, codes] of [
  [
    'wait',
    [
      '40001',
      '40P01',
      '08006',
      '53300',
      '55P03',
      '57P01',
      '57014',
      '25006',
      '25P03',
      '25P04',
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
      'EAI_AGAIN',
      '28P01',
      '3D000',
      '53100',
      '55006',
    ],
  ],
  ['reject', ['09000', '20000', '21000', '22001', '23505', '23514', '2F005', '38000', '39004', '44000', '54000', 'P0001']],
  ['unfit', ['08P01', '0A000', '22P04', '3F000', '42P01', '42703', '42501', '42804', '428C9', '42P10', '55000']],
  ['stop', ['25P02', '', 'XX000', 'XX001', 'F0000']],
] as const)
  test(`errors of Postgres and of the socket that mean ${verdict}`, () => {
    for (const code of codes) assert.equal(verdictOn(failure(code)), verdict, code)
  })

test('what pg itself says of a lost connection means wait; a trigger may say the same of a row', () => {
  assert.equal(verdictOn(new Error('Connection terminated unexpectedly')), 'wait')
  assert.equal(verdictOn(failure('P0001', 'timeout expired')), 'reject')
})

test('what RAISE or a policy says is said of a row, whatever the SQLSTATE', () => {
  for (const code of ['40001', '57014', '08006', '42501', 'ZX001']) {
    assert.equal(verdictOn(Object.assign(failure(code), { routine: 'exec_stmt_raise' })), 'reject', code)
    assert.notEqual(verdictOn(Object.assign(failure(code), { routine: 'ProcessInterrupts' })), 'reject', code)
  }
  assert.equal(verdictOn(Object.assign(failure('42501'), { routine: 'ExecWithCheckOptions' })), 'reject')
  assert.equal(verdictOn(Object.assign(failure('42501'), { routine: 'aclcheck_error' })), 'unfit')
})

test('an outage is the server that is away, and not a statement that it refused or cut off', () => {
  for (const code of ['ECONNREFUSED', '08006', '57P01', '57P03', '53300', '28P01', '3D000', '25006'])
    assert.ok(isOutage(failure(code)), code)
  for (const code of ['40001', '40P01', '55P03', '57014', '25P03', '08P01', '42P01', '23505', '']) assert.ok(!isOutage(failure(code)), code)
  assert.ok(isOutage(new Error('Connection terminated unexpectedly')))
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
