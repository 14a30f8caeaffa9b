import assert from 'node:assert/strict'
import { test } from 'node:test'
import { items, latest, line, lines, range, recordTables } from '../support/record-tables.ts'

const { db, consumer, stored, ids } = await recordTables()

test('a chunk whose number is committed with another text is set aside whole, and never takes the place of what is there', async () => {
  const c = consumer()
  const [first] = c.batch(items, [lines([1])])
  const load = c.loadOf(first!)
  const [other] = c.batch(items, [lines([2])], { header: { load } })
  assert.equal(await c.deliver([first!]), -1)
  const [behind] = c.batch(items, [lines([3])])
  assert.equal(await c.deliver([other!, behind!]), -1)
  assert.deepEqual(
    c.setAside.map(({ record, reason }) => [record, reason]),
    [[other, 'chunk-conflict']],
  )
  assert.deepEqual(await ids(items), [1, 3])
  const [twin] = c.batch(items, [lines([5])])
  const [third] = c.batch(items, [lines([6])], { header: { load: c.loadOf(twin!) } })
  assert.equal(await c.deliver([twin!, third!]), -1)
  assert.deepEqual([c.setAside.at(-1)?.record, await ids(items)], [third, [1, 3, 5]])
})

test('what cannot be read, has an unknown version or no dataset is set aside whole, its load says so, and the shard goes on', async () => {
  const c = consumer()
  const [good, hurt, versioned] = [lines([1]), lines([2]), lines([3])].map((text) => c.batch(items, [text])[0]!)
  const [gone] = c.batch({ ...items, name: 'gone' }, [lines([4])])
  const noise = c.record(Buffer.from('noise'))
  hurt!.data[hurt!.data.length - 6]! ^= 0xff
  versioned!.data[2] = 9
  const [last] = c.batch(items, [lines([5])])
  assert.equal(await c.deliver([noise, good!, hurt!, versioned!, gone!, last!]), -1)
  assert.deepEqual(
    new Map(c.setAside.map(({ record, reason }) => [record, reason])),
    new Map([
      [noise, 'envelope-unreadable'],
      [versioned!, 'envelope-version-unknown'],
      [gone!, 'dataset-not-found'],
      [hurt!, 'envelope-unreadable'],
    ]),
  )
  assert.deepEqual(await ids(items), [1, 5])
  for (const record of [hurt!, gone!]) assert.equal(c.receiptOf(record).problem?.code, 'dead-letter')
  assert.equal(c.receiptOf(last!).state, 'complete')
})

test('a chunk with another number of rows than the door counted is set aside; the others are committed', async () => {
  const c = consumer()
  const [wrong] = c.batch(items, [lines([2])], { header: { rows: 2 } })
  const records = [...c.batch(items, [lines([1])]), wrong!, ...c.batch(items, [lines([3])])]
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(
    c.setAside.map(({ record, reason }) => [record, reason]),
    [[wrong, 'chunk-miscounted']],
  )
  assert.deepEqual(await ids(items), [1, 3])
})

test('a chunk that Postgres refuses as a whole is found one by one and set aside; the others are committed', async () => {
  const c = consumer()
  const [nul] = c.batch(items, [lines([2])], { header: { tenant: 'a\u0000b' } })
  const [large] = c.batch(items, [lines([3])], { header: { lane: 2 ** 40 } })
  const records = [...c.batch(items, [lines([1])]), nul!, large!, ...c.batch(items, [lines([4])])]
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(
    c.setAside.map(({ record, reason }) => [record, reason]),
    [
      [nul, 'chunk-refused'],
      [large, 'chunk-refused'],
    ],
  )
  assert.deepEqual(await ids(items), [1, 4])
})

test('many damaged texts among good ones: all are set aside, all good ones committed', async () => {
  const c = consumer()
  const records = range(0, 60).map((i) => c.batch(items, [lines([i])])[0]!)
  for (const [i, { data }] of records.entries()) if (i % 3 === 0) data[data.length - 6]! ^= 0xff
  assert.equal(await c.deliver(records), -1)
  assert.equal(c.setAside.length, 20)
  assert.ok(c.setAside.every(({ reason }) => reason === 'envelope-unreadable'))
  assert.deepEqual(
    await ids(items),
    range(0, 60).filter((i) => i % 3 !== 0),
  )
})

test('a rule that is asked at the commit only costs no more than the chunks that break it', async () => {
  await db.query(`CREATE FUNCTION no_seven() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 7 THEN RAISE 'no seven'; END IF; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER no_seven AFTER INSERT ON items DEFERRABLE FOR EACH ROW EXECUTE FUNCTION no_seven();
    CREATE FUNCTION put_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NULL; END $$;
    CREATE TRIGGER put_off BEFORE INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION put_off()`)
  try {
    const c = consumer()
    const records = c.batch(items, [lines([1]), lines([7, 8]), lines([9])])
    assert.equal(await c.deliver(records), -1)
    assert.deepEqual(
      c.setAside.map(({ record }) => record),
      [records[1]],
    )
    assert.deepEqual(await ids(items), [1, 9])
    assert.equal(c.receiptOf(records[0]!).problem?.code, 'dead-letter')
  } finally {
    await db.query('DROP FUNCTION no_seven CASCADE; DROP FUNCTION put_off CASCADE')
  }
})

test('one that stands in the stream twice, first damaged and then whole: the whole one is committed', async () => {
  const c = consumer()
  const [whole] = c.batch(items, [lines([1])])
  const [first] = c.batch(items, [lines([1])], { header: { load: c.loadOf(whole!), rows: 5 } })
  assert.equal(await c.deliver([first!, whole!]), -1)
  assert.deepEqual([c.setAside[0]?.record, await ids(items)], [first, [1]])
})

test('one that stands in the stream twice, first damaged and then whole, goes before what came after it', async () => {
  const c = consumer()
  const [whole] = c.batch(latest, [line(1, 1)])
  const [first] = c.batch(latest, [line(1, 1)], { header: { load: c.loadOf(whole!), rows: 5 } })
  const [later] = c.batch(latest, [line(1, 2)])
  assert.equal(await c.deliver([first!, whole!, later!]), -1)
  assert.deepEqual([c.setAside[0]?.record, (await stored(latest)).map(({ n }) => n)], [first, [2]])
})

test('what can neither be loaded nor set aside comes again, and nothing behind it goes before', async () => {
  const c = consumer()
  const [a, b, d] = [1, 2, 3].map((id) => c.batch(latest, [lines([id])])[0]!)
  const [other] = c.batch(items, [lines([9])])
  const away = () => ({ setAside: () => Promise.reject(new Error('the bucket is away')) })
  b!.data[b!.data.length - 6]! ^= 0xff
  assert.equal(await c.deliver([a!, b!, d!, other!], away), 1)
  assert.deepEqual([await ids(latest), await ids(items)], [[1], [9]])
  const noise = c.record(Buffer.from('noise'))
  assert.equal(await c.deliver([a!, noise, d!], away), 1)
  assert.deepEqual(await ids(latest), [1])
  assert.equal(await c.deliver([noise, d!]), -1)
  assert.deepEqual(await ids(latest), [1, 3])
})
