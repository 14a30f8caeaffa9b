import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { blobSource } from '../../client/src/source.ts'
import { checkReceipt, connectStage, flightLines, freshIds, outcomes, setting } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())

test('a load whose chunk ended in the dead-letter queue fails with dead-letter, and a replay loads it', async () => {
  const id = freshIds()
  const source = blobSource(new Blob([flightLines(id, 100)]), 'given-up.ndjson')
  const db = await stage.database.connect()
  let load = ''
  try {
    // Its loader waits for the table, so that the load is still loading.
    await db.query('BEGIN')
    await db.query('LOCK TABLE flights IN SHARE ROW EXCLUSIVE MODE')
    const pushed = await stage.client.pushFile(source, { dataset: 'flights', format: 'ndjson', compression: 'none', wait: false })
    load = pushed.receipt.id
    await stage.send(setting('MILLRACE_CHUNK_DLQ_URL'), { tenant: 'demo', load, chunk: 0, mode: 'range' })
    const failed = await stage.client.waitFor(load)
    assert.deepEqual([failed.state, failed.problem?.code], ['failed', 'dead-letter'])
    assert.match(failed.problem!.detail, /Chunk 0 .*millrace replay/)
  } finally {
    await db.query('ROLLBACK')
    db.release()
  }
  await stage.quiet()
  await stage.client.replayLoad(load)
  const receipt = await stage.client.waitFor(load)
  checkReceipt(receipt)
  assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: 100, loaded: 100 }])
  assert.equal(await stage.countFlights(id, id + 100), 100)
})

test('what is in the dead-letter queue and belongs to no load is taken out of it', async () => {
  const queue = setting('MILLRACE_PLAN_DLQ_URL')
  await stage.send(queue, { none: 'of ours' })
  for (let left = 1; left > 0; left = await stage.messagesIn(queue)) await sleep(200)
})
