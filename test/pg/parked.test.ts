import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutOfTimeError } from '#core/errors.ts'
import { items, latest, line, lines, range, recordTables } from '../support/record-tables.ts'

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
  assert.deepEqual(c.setAside, [], 'the trouble may be one of a moment')
  await c.drain('latest', 0, undefined, 20)
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

/** Statements that loaders have the server working on. */
const busy = async (): Promise<number> =>
  (
    await db.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state = 'active'`,
    )
  ).rows[0].n

/** Every row that is written takes so many seconds. */
async function slowly(seconds: number, work: () => Promise<void>): Promise<void> {
  await db.query(
    `CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(${seconds}); RETURN new; END'`,
  )
  await db.query('CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON latest FOR EACH ROW EXECUTE FUNCTION slow()')
  try {
    await work()
  } finally {
    await db.query('DROP TRIGGER slow ON latest')
  }
}

const invocation = (seconds: number): (() => number) => {
  const until = performance.now() + seconds * 1000
  return () => until - performance.now()
}

test('table-slow: what does not fit is cancelled on the server, some is committed, the rest is parked, others load, and the last row of a key wins', () =>
  slowly(0.002, async () => {
    await db.query('TRUNCATE items, latest')
    const c = consumer()
    // 150 keys of its own and one that all have: 12 × 151 rows of 2 ms are 3.6 s, of which a try has 1.3 s.
    const texts = range(0, 13).map((n) => line(0, n) + lines(range(1 + n * 150, 150), n))
    const records = texts.slice(0, 12).map((text) => c.batch(latest, [text])[0]!)
    const [other] = c.batch(items, [lines([7])])
    assert.equal(await c.deliver([...records, other!], undefined, invocation(9)), -1)
    assert.equal(await busy(), 0)
    assert.deepEqual(await ids(items), [7])
    const states = records.map((record) => c.receiptOf(record))
    const committed = states.filter(({ state }) => state === 'complete').length
    assert.ok(committed > 0 && committed < records.length)
    for (const { waiting } of states.slice(committed)) assert.equal(waiting?.code, 'table-slow')
    assert.equal(c.parking.objects.size, 1)
    // What comes later waits behind it, whoever else is there.
    const [late] = c.batch(latest, [texts[12]!])
    assert.equal(await c.deliver([late!]), -1)
    await c.drain('latest')
    assert.deepEqual([c.parking.objects.size, c.parking.marks.size], [0, 0])
    for (const record of [...records, late!]) assert.equal(c.receiptOf(record).state, 'complete')
    assert.deepEqual((await stored(latest))[0], { id: 0, name: 'name 0', n: 12 })
    assert.deepEqual(await ids(latest), range(0, 1 + 13 * 150))
  }))

test('a single record that takes longer than an invocation of the consumer has is committed by the drainer, which has more', () =>
  slowly(0.005, async () => {
    await db.query('TRUNCATE latest')
    const c = consumer()
    const [a] = c.batch(latest, [lines(range(0, 400))])
    assert.equal(await c.deliver([a!], undefined, invocation(7)), -1)
    assert.equal(await busy(), 0)
    assert.deepEqual([c.receiptOf(a!).state, await ids(latest)], ['loading', []])
    await c.drain('latest')
    assert.deepEqual([c.receiptOf(a!).state, (await ids(latest)).length, c.parking.marks.size], ['complete', 400, 0])
  }))

test('an object is set aside whole, once all of it is older than the patience', async () => {
  const c = consumer()
  const [a, b] = [line(4, 1), line(5, 1)].map((text) => c.batch(latest, [text])[0]!)
  const old = { ...a!, arrivedAt: new Date(Date.now() - 120_000).toISOString() }
  const end = await troubles[1]!.begin()
  assert.equal(await c.deliver([old, b!]), -1)
  await c.drain('latest', 60_000, undefined, 20)
  assert.deepEqual([c.setAside, c.receiptOf(a!).state], [[], 'loading'])
  await end()
  await c.drain('latest')
  assert.deepEqual([c.receiptOf(a!).state, c.receiptOf(b!).state, c.parking.objects.size], ['complete', 'complete', 0])
})

test('DynamoDB fails at each step of the drainer: it sends for itself again, and uses up no receives', async () => {
  for (const step of ['find', 'lease', 'release'] as const) {
    const c = consumer()
    const [a] = c.batch(latest, [line(9, 1)])
    const end = await troubles[1]!.begin()
    assert.equal(await c.deliver([a!]), -1)
    const broken = { [step]: async () => Promise.reject(new Error('DynamoDB does not answer')) }
    await c.drain('latest', undefined, () => broken as object)
    assert.deepEqual([step, c.sentAgain.length, c.parking.objects.size], [step, 1, 1])
    await end()
    await c.drain('latest')
    assert.equal(c.receiptOf(a!).state, 'complete')
  }
})

test('of records that go one by one, one is committed and not shown, and a later one is too slow: both stay parked until all is shown', async () => {
  await db.query('TRUNCATE latest')
  const c = consumer()
  const records = [line(6, 1), line(7, 1), line(8, 1)].map((text) => c.batch(latest, [text])[0]!)
  const end = await troubles[1]!.begin()
  assert.equal(await c.deliver(records), -1)
  await end()
  // The second is too slow once, and the first can not be shown once.
  const [once, unshown] = [new Set([c.loadOf(records[1]!)]), new Set([c.loadOf(records[0]!)])]
  await c.drain('latest', undefined, ({ commitMany, projectChunk }) => ({
    commitMany: async (dataset, chunks, ...time) => {
      if (once.size > 0 && chunks.length > 1) return { kind: 'one-by-one' }
      if (!once.delete(chunks[0]!.header.load)) return commitMany(dataset, chunks, ...time)
      await chunks[0]!.read({ write: async () => undefined, refuse: () => undefined, flush: async () => undefined }, false, 0)
      throw new OutOfTimeError('too slow')
    },
    projectChunk: async (load, result) => {
      if (unshown.delete(load.id)) throw new Error('DynamoDB does not answer')
      await projectChunk(load, result)
    },
  }))
  assert.deepEqual([c.receiptOf(records[0]!).state, c.parking.objects.size], ['loading', 1])
  await c.drain('latest')
  for (const record of records) assert.equal(c.receiptOf(record).state, 'complete')
  assert.deepEqual([await ids(latest), c.parking.objects.size, c.parking.marks.size], [[6, 7, 8], 0, 0])
})
