import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkReceipt, connectStage, flightLines, freshIds, outcomes } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())

const eventLines = (count: number): string =>
  Array.from({ length: count }, (_, sequence) =>
    JSON.stringify({ stream: randomUUID(), sequence, type: 'step', at: '2026-03-01T12:00:00Z', payload: {} }),
  ).join('\n')

test('a locked table: its batches are parked and say so, other datasets load, and all go in by themselves when it is free', async () => {
  const id = freshIds()
  const db = await stage.database.connect()
  const loads: string[] = []
  try {
    await db.query('BEGIN')
    await db.query('LOCK TABLE flights IN SHARE ROW EXCLUSIVE MODE')
    for (let n = 0; n < 4; n++) loads.push((await stage.client.sendBatch('flights', flightLines(id + n * 100, 100))).receipt.id)
    for (let n = 0; n < 4; n++) {
      const { receipt } = await stage.client.sendBatch('events', eventLines(50))
      assert.equal((await stage.client.waitFor(receipt.id)).rows.loaded, 50)
    }
    for (const load of loads) {
      let waiting = null
      while (!waiting) {
        const { receipt } = await stage.client.getReceipt(load)
        assert.equal(receipt!.state, 'loading')
        waiting = receipt!.waiting
        if (!waiting) await sleep(200)
      }
      assert.equal(waiting.code, 'table-locked')
    }
  } finally {
    await db.query('ROLLBACK')
    db.release()
  }
  for (const load of loads) {
    const receipt = await stage.client.waitFor(load)
    checkReceipt(receipt)
    assert.deepEqual([receipt.state, receipt.waiting, outcomes(receipt)], ['complete', null, { received: 100, loaded: 100 }])
  }
  assert.equal(await stage.countFlights(id, id + 400), 400)
  // The mark is gone, so what comes next is committed by the consumer itself.
  const { receipt } = await stage.client.sendBatch('flights', flightLines(id + 400, 100), { wait: true })
  assert.equal(receipt.state, 'complete')
})
