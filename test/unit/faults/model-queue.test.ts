import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createModelQueue, type ModelQueueOptions } from '../../support/model-queue.ts'
import { createVirtualClock } from '../../support/virtual-clock.ts'

function queue(more: Partial<ModelQueueOptions> = {}) {
  const clock = createVirtualClock()
  const q = createModelQueue({ name: 'chunks', clock, random: () => 0, visibility: 30, ...more })
  return { q, wait: (seconds: number) => clock.run(clock.now() + 1000 * seconds), clock }
}

test('a received message is hidden until its visibility timeout is over, and then comes again, counted', async () => {
  const { q, wait } = queue()
  q.send('a')
  assert.equal(q.receive()?.received, 1)
  await wait(29)
  assert.equal(q.receive(), undefined)
  await wait(1)
  assert.equal(q.receive()?.received, 2)
})

test('hiding counts from now on; an old receipt neither hides nor deletes', async () => {
  const { q, wait } = queue()
  q.send('a')
  const first = q.receive()!
  q.hide(first.receipt, 2)
  await wait(2)
  const second = q.receive()!
  q.hide(first.receipt, 0)
  q.delete(first.receipt)
  assert.deepEqual([q.receive(), q.open], [undefined, 1])
  q.delete(second.receipt)
  assert.equal(q.open, 0)
})

test('a message that was received as often as allowed goes to the dead letters in place of the next receive', async () => {
  const dead = queue().q
  const { q, wait } = queue({ maxReceives: 2, deadLetters: dead })
  q.send('a')
  for (const received of [1, 2]) {
    assert.equal(q.receive()?.received, received)
    await wait(30)
  }
  assert.deepEqual([q.receive(), q.open, dead.receive()?.body], [undefined, 0, 'a'])
})

test('delays and lateness, messages delivered as two and as none, and retention', async () => {
  const whim = (body: string) => ({ copies: body === 'twice' ? 2 : body === 'never' ? 0 : 1, late: body === 'late' ? 100 : 0 })
  const { q, wait } = queue({ whim, retention: 600 })
  q.send('delayed', 10)
  q.send('late')
  q.send('never')
  assert.equal(q.receive(), undefined)
  await wait(10)
  assert.equal(q.receive()?.body, 'delayed')
  await wait(90)
  const bodies = [q.receive()?.body, q.receive()?.body]
  assert.deepEqual(bodies.sort(), ['delayed', 'late'])
  q.send('twice')
  const [one, other] = [q.receive()!, q.receive()!]
  assert.deepEqual([one.body, other.body], ['twice', 'twice'])
  q.delete(one.receipt)
  await wait(600)
  assert.deepEqual([q.receive(), q.open], [undefined, 0])
  assert.throws(() => q.send('a', 901), /DelaySeconds/)
})
