import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { type KeyRange, Turns } from '#core/loads/turns.ts'

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
    const turns = new Turns()
    const first = turns.take()
    const second = turns.take()
    assert.equal(await state(first.among(theirs)), 'goes')
    assert.equal(await state(second.among(mine)), expected)
  }
})

test('nobody goes on before the keys of an earlier chunk are known', async () => {
  const turns = new Turns()
  const first = turns.take()
  const going = turns.take().among(keys(5, 6))
  assert.equal(await state(going), 'waits')
  await first.among(keys(1, 2))
  assert.equal(await state(going), 'goes')
})

test('alone means that every earlier chunk is committed', async () => {
  const turns = new Turns()
  const [first, second] = [turns.take(), turns.take()]
  const third = turns.take().alone()
  first.end(true)
  assert.equal(await state(third), 'waits')
  second.end(true)
  assert.equal(await state(third), 'goes')
})

test('when an earlier chunk fails, a later one that could meet it must not go on', async () => {
  const turns = new Turns()
  const [first, second, third] = [turns.take(), turns.take(), turns.take()]
  await first.among(keys(1, 10))
  assert.equal(await state(second.among(keys(11, 12))), 'goes')
  const waiting = third.among(keys(5, 6))
  second.end(true)
  first.end(false)
  assert.equal(await state(waiting), 'fails')
})
