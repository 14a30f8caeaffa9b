import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../support/consumer.ts'
import { items, latest, line, lines, range, recordTables } from '../support/record-tables.ts'

const { db, connect, consumer, stored, ids } = await recordTables()

test('of several records that must come again the earliest is reported, whichever failed first', async () => {
  for (const slow of [items, latest]) {
    const c = consumer()
    const records = [latest, items].map((table) => c.batch(table, [lines([1])])[0]!)
    let failed = (): void => undefined
    const other = new Promise<void>((resolve) => {
      failed = resolve
    })
    const away: Parameters<Consumer['deliver']>[1] = () => ({
      commitMany: async (table) => {
        if (table === slow) await other
        else setImmediate(failed)
        throw new Error('away')
      },
    })
    assert.equal(await c.deliver(records, away), 0)
  }
})

test('after a transaction that failed none of the same dataset is begun, though the next might succeed', async () => {
  const c = consumer()
  const [first] = c.batch(latest, [line(1, 1)])
  // One that was sent again is a transaction of its own.
  const replay = { position: '1', arrivedAt: new Date().toISOString(), allowOlderRows: true }
  const [second] = c.batch(latest, [line(1, 2)], { header: { replay } })
  let calls = 0
  const once: Parameters<Consumer['deliver']>[1] = ({ commitMany }) => ({
    commitMany: (...call) => (calls++ === 0 ? Promise.reject(new Error('away for a moment')) : commitMany(...call)),
  })
  assert.equal(await c.deliver([first!, second!], once), 0)
  assert.deepEqual([calls, await ids(latest)], [1, []])
  assert.equal(await c.deliver([first!, second!]), -1)
  assert.deepEqual(await stored(latest), [{ id: 1, name: 'name 1', n: 2 }])
})

test('killed between commit and projection: the records come again, and are shown once', async () => {
  const c = consumer()
  const records = [...c.batch(items, [lines([1]), lines([2])]), ...c.batch(items, [lines([3])])]
  let calls = 0
  const index = await c.deliver(records, ({ projectChunk }) => ({
    projectChunk: async (load, result) => {
      if (++calls === 2) throw new Error('DynamoDB is away')
      await projectChunk(load, result)
    },
  }))
  assert.ok(index >= 0)
  assert.deepEqual(await ids(items), [1, 2, 3])
  assert.equal(await c.deliver(records.slice(index)), -1)
  for (const record of records) {
    assert.equal(c.receiptOf(record).state, 'complete')
    assert.ok(c.countsOf(record).every(([received, loaded]) => received === 1 && loaded === 1))
  }
})

test('a backend that is killed in the middle of the transaction: nothing of it stays, and it is done again in the same invocation', async () => {
  const backends: number[] = []
  const c = consumer(async () => {
    const connection = await connect()
    backends.push((await connection.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
    return connection
  })
  const records = range(0, 6).map((i) => c.batch(items, [lines(range(i * 1000, 1000))])[0]!)
  const index = await c.deliver(records, ({ commitMany }) => ({
    commitMany: (d, chunks, ...time) =>
      commitMany(
        d,
        chunks.map((chunk, i) => ({
          ...chunk,
          read: async (sink, lead, before) => {
            if (i === 4 && backends.length === 1) await db.query('SELECT pg_terminate_backend($1)', [backends[0]])
            return chunk.read(sink, lead, before)
          },
        })),
        ...time,
      ),
  }))
  assert.equal(index, -1)
  assert.equal(backends.length, 2)
  assert.equal((await ids(items)).length, 6000)
  for (const record of records) assert.deepEqual(c.countsOf(record), [[1000, 1000, 0, 0, 0]])
})

test('while the database is away nothing is rejected: after the time that is left the first record is reported', async () => {
  let tries = 0
  const c = consumer(async () => {
    tries++
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  })
  const records = c.batch(items, [lines([1]), lines([2])])
  const until = Date.now() + 11_500
  assert.equal(await c.deliver(records, undefined, () => until - Date.now()), 0)
  assert.ok(tries > 1)
  assert.deepEqual([c.rejects.size, c.setAside.length, c.receiptOf(records[0]!).state], [0, 0, 'loading'])
})

test('a database that does not answer is left when the time for it is over', async () => {
  const blocker = await connect()
  await blocker.query('BEGIN; LOCK TABLE millrace.ledger')
  const c = consumer()
  const records = c.batch(items, [lines([1])])
  const until = Date.now() + 6_000
  assert.equal(await c.deliver(records, undefined, () => until - Date.now()), 0)
  await blocker.query('ROLLBACK')
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(c.countsOf(records[0]!), [[1, 1, 0, 0, 0]])
})

test('when time is short only one transaction is begun, and what is left comes again in order', async () => {
  const c = consumer()
  // 1,000 chunks are one transaction.
  const records = c.batch(
    items,
    range(0, 1001).map((i) => line(i)),
  )
  let left = 60_000
  const spend: Parameters<Consumer['deliver']>[1] = ({ projectChunk }) => ({
    projectChunk: async (...shown) => {
      await projectChunk(...shown)
      left = 10_000
    },
  })
  assert.equal(await c.deliver(records, spend, () => left), 1000)
  assert.equal((await ids(items)).length, 1000)
  assert.equal(await c.deliver(records.slice(1000)), -1)
  assert.equal(c.receiptOf(records[0]!).state, 'complete')
})

test('two consumers with overlapping records at the same time: each row once, each chunk shown once', async () => {
  for (const table of [items, latest]) {
    const c = consumer()
    const records = range(0, 12).map((i) => c.batch(table, [lines(range(i * 20, 60))])[0]!)
    const shares = [records, records.slice(3), records.slice(0, 9), [...records].reverse()]
    assert.deepEqual(await Promise.all(shares.map((share) => c.deliver(share))), [-1, -1, -1, -1])
    assert.equal((await ids(table)).length, 11 * 20 + 60)
    const total = records.map((record) => c.countsOf(record)[0]!).reduce((a, b) => a.map((n, i) => n + b[i]!))
    assert.deepEqual([total[0], total[1], total[2]! + total[3]!, total[4]], [720, 280, 440, 0])
    for (const record of records) assert.equal(c.receiptOf(record).state, 'complete')
  }
})
