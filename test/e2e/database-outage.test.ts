import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { getLoad } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { blobSource } from '../../client/src/source.ts'
import { door } from '../support/door.ts'
import { checkReceipt, connectStage, flightLines, freshIds, outcomes, setting } from '../support/stage.ts'
import { stopPostgresOf } from '../support/stop-postgres.ts'

const stage = connectStage()
// The pool's own connections die with the server.
stage.database.on('error', () => undefined)
const table = openTable(setting('MILLRACE_TABLE'))
after(async () => {
  table.client.destroy()
  await stage[Symbol.asyncDispose]()
})

/** Long enough that five receives would be used up, were any. */
const outage = 60_000
const count = 200_000

test('Postgres is away for a minute in the middle of two loads: both are complete without a hand, and no delivery has failed', async (t) => {
  const [plain, zipped] = [freshIds(), freshIds()]
  const push = (bytes: Blob, compression: 'none' | 'gzip') =>
    stage.client.pushFile(blobSource(bytes, 'outage.ndjson'), { dataset: 'flights', format: 'ndjson', compression, wait: false })
  // Loaders stand still inside their transactions until the server goes, and takes this lock with it.
  const holder = await stage.database.connect()
  holder.on('error', () => undefined)
  await holder.query('BEGIN')
  await holder.query('LOCK TABLE flights IN SHARE ROW EXCLUSIVE MODE')
  const opened = await Promise.all([
    push(new Blob([flightLines(plain, count)]), 'none'),
    push(new Blob([new Uint8Array(gzipSync(flightLines(zipped, count)))]), 'gzip'),
  ])
  const loads = opened.map(({ receipt }) => receipt.id)
  for (let standing = 0; standing < loads.length; await sleep(50)) {
    await holder.query('SELECT pg_stat_clear_snapshot()')
    const { rows } = await holder.query(
      'SELECT count(*)::int AS n FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))',
    )
    standing = rows[0].n
  }
  const restart = await stopPostgresOf(stage.database)
  holder.release(true)
  if (!restart) return t.skip('the server’s process is not to be seen from here')
  const ready = door(undefined)
  try {
    await sleep(outage)
    const { status, problem } = await ready('GET /v1/health/ready')
    assert.deepEqual([status, problem.errors?.map(({ pointer }) => pointer)], [503, ['/parts/database']])
    for (const id of loads) {
      const load = await getLoad(table, id)
      assert.deepEqual([load?.state, load?.waiting?.code], ['loading', 'database-unavailable'])
    }
  } finally {
    await restart()
  }
  for (const [i, id] of [plain, zipped].entries()) {
    const receipt = await stage.client.waitFor(loads[i]!)
    checkReceipt(receipt)
    assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: count, loaded: count }])
    assert.equal(await stage.countFlights(id, id + count), count)
    // A chunk that had used up its receives would have ended it.
    assert.equal(receipt.problem, null)
  }
  assert.equal((await ready('GET /v1/health/ready')).status, 200)
})
