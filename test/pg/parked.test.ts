import assert from 'node:assert/strict'
import { test } from 'node:test'
import { items, latest, line, lines, recordTables } from '../support/record-tables.ts'

const { db, connect, consumer, stored, ids } = await recordTables()

const troubles = [
  {
    code: 'table-locked',
    async begin() {
      const blocker = await connect()
      await blocker.query('BEGIN; LOCK TABLE latest')
      return () => blocker.query('ROLLBACK')
    },
  },
  {
    code: 'table-missing',
    async begin() {
      await db.query('ALTER TABLE latest RENAME TO gone')
      return () => db.query('ALTER TABLE gone RENAME TO latest')
    },
  },
  {
    code: 'table-changed',
    async begin() {
      await db.query('ALTER TABLE latest ALTER n TYPE bigint')
      return () => db.query('ALTER TABLE latest ALTER n TYPE integer')
    },
  },
]

for (const { code, begin } of troubles)
  test(`${code}: records of the dataset are parked and told, others load, and when the table is back they go in, in order`, async () => {
    await db.query('TRUNCATE items, latest')
    const c = consumer()
    const [a, b, d] = [line(1, 1), line(1, 2), line(1, 3)].map((text) => c.batch(latest, [text])[0]!)
    const [other] = c.batch(items, [lines([7])])
    const end = await begin()
    assert.equal(await c.deliver([a!, other!, b!]), -1)
    assert.deepEqual(await ids(items), [7])
    assert.deepEqual(c.parking.woken, ['latest'])
    const { state, waiting, rows } = c.receiptOf(a!)
    assert.deepEqual([state, waiting?.code, rows.pending], ['loading', code, 1])
    // What comes later is parked behind them without a look at the table, and still is while it is stuck.
    assert.equal(await c.deliver([d!]), -1)
    await c.drain('latest')
    assert.deepEqual([c.parking.objects.size, c.sentAgain], [2, [{ dataset: 'latest', failures: 1 }]])
    await end()
    await c.drain('latest')
    assert.deepEqual([c.parking.objects.size, c.parking.marks.size], [0, 0])
    assert.deepEqual(await stored(latest), [{ id: 1, name: 'name 1', n: 3 }])
    for (const record of [a!, b!, d!]) assert.equal(c.receiptOf(record).state, 'complete')
    // The stream may hand them over once more.
    assert.equal(await c.deliver([a!, b!, d!]), -1)
    assert.deepEqual(
      (await stored(latest)).map(({ n }) => n),
      [3],
    )
  })

test('what is parked for longer than the patience is set aside, and its loads fail and name the reason', async () => {
  const c = consumer()
  const [a] = c.batch(latest, [line(2, 1)])
  const end = await troubles[1]!.begin()
  assert.equal(await c.deliver([a!]), -1)
  await c.drain('latest', 0)
  await end()
  assert.deepEqual(
    c.setAside.map(({ reason }) => reason),
    ['table-missing'],
  )
  assert.deepEqual([c.receiptOf(a!).state, c.receiptOf(a!).problem?.code], ['failed', 'dead-letter'])
  assert.deepEqual([c.parking.objects.size, c.parking.marks.size], [0, 0])
})

test('what the drainer has committed and could not show stays parked until it is shown', async () => {
  const c = consumer()
  const [a] = c.batch(latest, [line(3, 1)])
  const end = await troubles[1]!.begin()
  assert.equal(await c.deliver([a!]), -1)
  await end()
  await c.drain('latest', undefined, () => ({
    projectChunk: async () => {
      throw new Error('DynamoDB does not answer')
    },
  }))
  assert.deepEqual([c.receiptOf(a!).state, c.parking.objects.size], ['loading', 1])
  await c.drain('latest')
  assert.deepEqual([c.receiptOf(a!).state, c.parking.objects.size, c.parking.marks.size], ['complete', 0, 0])
})
