import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { CommitTickets, type KeyRange } from '#core/loads/commit-tickets.ts'

const keys = (first: number, last: number): KeyRange => ({ first: BigInt(first), last: BigInt(last) })
/** Whether a promise is still waiting, after everything that can happen by itself has. */
async function state(promise: Promise<void>): Promise<'waits' | 'goes' | 'fails'> {
  const seen = promise.then(
    () => 'goes' as const,
    () => 'fails' as const,
  )
  for (let i = 0; i < 5; i++) await tick()
  return Promise.race([seen, Promise.resolve('waits' as const)])
}

test('a chunk goes on beside an earlier one only when their keys cannot meet', async () => {
  for (const [mine, theirs, expected] of [
    [keys(11, 20), keys(1, 10), 'goes'],
    [keys(1, 9), keys(10, 12), 'goes'],
    [keys(10, 20), keys(1, 10), 'waits'],
    [undefined, keys(1, 10), 'waits'],
    [keys(1, 10), undefined, 'waits'],
  ] as const) {
    const tickets = new CommitTickets()
    const first = tickets.take()
    const second = tickets.take()
    assert.equal(await state(first.among(theirs)), 'goes')
    assert.equal(await state(second.among(mine)), expected)
  }
})

test('nobody goes on before the keys of an earlier chunk are known', async () => {
  const tickets = new CommitTickets()
  const first = tickets.take()
  const going = tickets.take().among(keys(5, 6))
  assert.equal(await state(going), 'waits')
  await first.among(keys(1, 2))
  assert.equal(await state(going), 'goes')
})

test('alone means that every earlier chunk is committed', async () => {
  const tickets = new CommitTickets()
  const [first, second] = [tickets.take(), tickets.take()]
  const third = tickets.take().alone()
  first.end(true)
  assert.equal(await state(third), 'waits')
  second.end(true)
  assert.equal(await state(third), 'goes')
})

test('when an earlier chunk fails, a later one that could meet it must not go on', async () => {
  const tickets = new CommitTickets()
  const [first, second, third] = [tickets.take(), tickets.take(), tickets.take()]
  await first.among(keys(1, 10))
  assert.equal(await state(second.among(keys(11, 12))), 'goes')
  const waiting = third.among(keys(5, 6))
  second.end(true)
  first.end(false)
  assert.equal(await state(waiting), 'fails')
})
