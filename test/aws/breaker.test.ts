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
    await Promise.all(Array.from({ length: 5 }, breaker.open))
    const since = await breaker.openSince()
    assert.ok(since)
    const ready = (await door(undefined)('GET /v1/health/ready')).problem
    assert.deepEqual([ready.code, ready.errors?.[0]?.pointer], ['unavailable', '/parts/database'])
    const taken = await Promise.all(Array.from({ length: 8 }, breaker.takeProbe))
    assert.equal(taken.filter(Boolean).length, 1)
    await breaker.open()
    assert.equal(await breaker.openSince(), since)
    while (!(await breaker.takeProbe())) await sleep(100)
  } finally {
    await breaker.close()
  }
  assert.deepEqual([await breaker.openSince(), await breaker.takeProbe()], [undefined, false])
})
