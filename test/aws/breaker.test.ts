import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { databaseBreaker } from '#platform/dynamodb/breaker.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { door } from '../support/door.ts'
import { setting } from '../support/stage.ts'

const table = openTable(setting('MILLRACE_TABLE'))
after(() => table.client.destroy())

test('of all who meet an outage one at a time may try the database, and closing it lets everybody on', async () => {
  const breaker = databaseBreaker(table)
  try {
    // A consumer of the stage that finds the database may close it at any moment: it is then opened anew.
    const opened = async (): Promise<string> => {
      await Promise.all(Array.from({ length: 5 }, breaker.open))
      return (await breaker.openSince()) ?? opened()
    }
    const since = await opened()
    const taken = await Promise.all(Array.from({ length: 8 }, breaker.takeProbe))
    assert.ok(taken.filter(Boolean).length <= 1)
    await breaker.open()
    assert.ok((await opened()) >= since)
    for (let tries = 0; !(await breaker.takeProbe()); tries++) {
      assert.ok(tries < 100, 'nobody gets the turn')
      await opened()
      await sleep(100)
    }
    // Nobody wants the database, which is there: whoever asks has it looked at, and what was known is corrected.
    const until = Date.now() + 20_000
    while ((await door(undefined)('GET /v1/health/ready')).status !== 200) assert.ok(Date.now() < until, 'ready says that it is away')
    assert.equal(await breaker.openSince(), undefined)
  } finally {
    await breaker.close()
  }
  assert.deepEqual([await breaker.openSince(), await breaker.takeProbe()], [undefined, false])
})
