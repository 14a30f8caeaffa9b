import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import type pg from 'pg'
import { bigint, integer, text } from '#core/column.ts'
import { type Dataset, dataset } from '#core/dataset.ts'
import { reconciles } from '#core/receipt.ts'
import { migrateDatabase } from '#platform/migrate-database.ts'
import { Consumer } from '../support/consumer.ts'
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts'

const columns = { id: bigint(), name: text({ max: 12 }), n: integer() }
const shape = { description: 'a test', columns, primaryKey: ['id'] } as const
const items = dataset('items', { ...shape, onConflict: 'ignore' })
const latest = dataset('latest', { ...shape, onConflict: 'update', orderingKey: 'id' })
const newest = dataset('newest', { ...shape, onConflict: 'update', version: 'n' })
const strict = dataset('strict', { ...shape, onConflict: 'ignore', limits: { maxRejects: 1 } })
const named = dataset('named', { description: 'a test', columns: { name: text() }, primaryKey: ['name'], onConflict: 'ignore' })
const all = [items, latest, newest, strict, named]

let scratch: ScratchDatabase
let db: pg.Client
before(async () => {
  scratch = await scratchDatabase()
  db = await scratch.connect()
  await migrateDatabase(db, { datasets: all, lanes: 3, loader: undefined, today: new Date() })
  for (const { name, columns } of all) if ('n' in columns) await db.query(`ALTER TABLE ${name} ADD CONSTRAINT not_13 CHECK (n <> 13)`)
})
beforeEach(() => db.query('TRUNCATE items, latest, newest, strict, named, millrace.ledger'))
after(() => scratch[Symbol.asyncDispose]())

const consumer = (connect = () => scratch.connect()) => new Consumer(all, connect)
const line = (id: number, n = 0, name = `name ${id}`): string => `${JSON.stringify({ id, name, n })}\n`
const lines = (ids: readonly number[], n = 0): string => ids.map((id) => line(id, n)).join('')
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)
const stored = async (table: Dataset) => (await db.query(`SELECT id::int, name, n FROM ${table.name} ORDER BY id`)).rows
const ids = async (table: Dataset): Promise<number[]> => (await stored(table)).map(({ id }) => id)
const transactions = async (table: string): Promise<number> =>
  (await db.query(`SELECT count(DISTINCT xmin::text)::int AS n FROM ${table}`)).rows[0].n

test('chunks of many loads are one transaction, and each has its own counts', async () => {
  const c = consumer()
  const records = [
    ...c.batch(items, [lines(range(0, 100)), lines(range(100, 50))]),
    ...c.batch(items, [lines(range(200, 7))]),
    ...c.batch(
      items,
      range(3, 6).map((i) => lines(range(i * 100, i))),
    ),
  ]
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual([await transactions('millrace.ledger'), await transactions('items')], [1, 1])
  assert.equal((await ids(items)).length, 190)
  assert.deepEqual(c.countsOf(records[0]!), [
    [100, 100, 0, 0, 0],
    [50, 50, 0, 0, 0],
  ])
  for (const record of records) {
    const receipt = c.receiptOf(record)
    assert.equal(receipt.state, 'complete', JSON.stringify(receipt.problem))
    assert.ok(reconciles(receipt.rows))
    assert.equal(receipt.checksum.loaded, receipt.checksum.uploaded)
  }
})

test('the same records again change nothing, and show what the ledger has', async () => {
  const c = consumer()
  const records = c.batch(items, [lines(range(0, 5)), lines(range(3, 4)), lines([20])])
  assert.equal(await c.deliver([records[1]!]), -1)
  assert.equal(await c.deliver(records), -1)
  const counts = c.countsOf(records[0]!)
  assert.deepEqual(counts, [
    [5, 3, 0, 2, 0],
    [4, 4, 0, 0, 0],
    [1, 1, 0, 0, 0],
  ])
  const again = consumer()
  for (const [id, load] of c.loads)
    again.loads.set(id, { ...load, state: 'loading', committed: 0, received: 0, loaded: 0, duplicate: 0, bytesRead: 0 })
  assert.equal(await again.deliver([...records, ...records]), -1)
  assert.deepEqual(again.countsOf(records[0]!), counts)
  assert.equal(again.receiptOf(records[0]!).state, 'complete')
  assert.equal((await ids(items)).length, 8)
})

test('duplicates in the table, between chunks and inside one count for the chunk that they are in', async () => {
  const c = consumer()
  await db.query(`INSERT INTO items VALUES (1, 'old', 0), (2, 'old', 0)`)
  const records = [...c.batch(items, [lines([1, 5, 5, 6]), lines([6, 7, 2])]), ...c.batch(items, [lines([7, 8, 5, 1])])]
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(c.countsOf(records[0]!), [
    [4, 2, 0, 2, 0],
    [3, 1, 0, 2, 0],
  ])
  assert.deepEqual(c.countsOf(records[2]!), [[4, 1, 0, 3, 0]])
  assert.deepEqual(await ids(items), [1, 2, 5, 6, 7, 8])
  assert.equal((await stored(items))[0].name, 'old')
  assert.equal(await transactions('millrace.ledger'), 1)
})

test('a row that breaks a CHECK is rejected with its line and offset in the batch; its neighbours and the other chunks load', async () => {
  const c = consumer()
  const bad = `${line(1)}${line(2, 13)}${line(3)}`
  const records = [
    ...c.batch(items, [lines(range(10, 5))]),
    ...c.batch(items, [lines([20]), bad], { places: () => [{ line: 1, lineShift: 100, offsetShift: 1000 }] }),
  ]
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(c.countsOf(records[1]!), [
    [1, 1, 0, 0, 0],
    [3, 2, 0, 0, 1],
  ])
  const [reject, ...more] = c.rejectsOf(records[1]!)
  assert.deepEqual(more, [])
  assert.deepEqual([reject?.line, reject?.offset, reject?.code], [102, 1000 + line(1).length, 'sqlstate-23514'])
  assert.deepEqual(JSON.parse(reject!.raw), { id: 2, name: 'name 2', n: 13 })
  assert.deepEqual(await ids(items), [1, 3, 10, 11, 12, 13, 14, 20])
  assert.deepEqual(c.receiptOf(records[1]!).rejects.byCode, [{ code: 'sqlstate-23514', column: null, rows: 1 }])
})

test('policy update: the last row of a key wins, whichever chunk it is in', async () => {
  const c = consumer()
  await db.query(`INSERT INTO latest VALUES (1, 'old', 0)`)
  const records = [
    ...c.batch(latest, [line(1, 1) + line(2, 1) + line(2, 2), line(3, 1) + line(2, 3)]),
    ...c.batch(latest, [line(3, 5) + line(1, 6)]),
  ]
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(
    (await stored(latest)).map(({ id, n }) => [id, n]),
    [
      [1, 6],
      [2, 3],
      [3, 5],
    ],
  )
  assert.deepEqual(c.countsOf(records[0]!), [
    [3, 1, 2, 0, 0],
    [2, 1, 1, 0, 0],
  ])
  assert.deepEqual(c.countsOf(records[2]!), [[2, 0, 2, 0, 0]])
})

test('with a version the newest row wins; every row that is not in the table is a duplicate', async () => {
  const c = consumer()
  await db.query(`INSERT INTO newest VALUES (1, 'old', 5)`)
  const records = c.batch(newest, [
    line(1, 4) + line(2, 7, 'first') + line(3, 1),
    line(1, 6) + line(2, 7, 'second') + line(3, 2) + line(3, 1),
  ])
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(await stored(newest), [
    { id: 1, name: 'name 1', n: 6 },
    { id: 2, name: 'first', n: 7 },
    { id: 3, name: 'name 3', n: 2 },
  ])
  assert.deepEqual(c.countsOf(records[0]!), [
    [3, 1, 0, 2, 0],
    [4, 1, 1, 2, 0],
  ])
})

for (const table of [items, latest])
  test(`policy ${table.onConflict}: committed together or one after the other, table, counts and rejects are the same`, async () => {
    // Rows that break the CHECK have keys of their own: of one whose key is there it depends on its neighbours whether the CHECK is ever asked.
    const row = fc
      .tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom(0, 1, 2, 3, 13))
      .map(([id, n]): [number, number] => [n === 13 ? 100 + id : id, n])
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(row, { maxLength: 6 }), { minLength: 1, maxLength: 6 }),
        fc.array(row, { maxLength: 4 }),
        async (chunks, there) => {
          const play = async (deliver: (c: Consumer, records: ReturnType<Consumer['batch']>) => Promise<unknown>) => {
            await db.query(`TRUNCATE ${table.name}, millrace.ledger`)
            for (const [id, n] of there)
              if (n !== 13) await db.query(`INSERT INTO ${table.name} VALUES ($1, 'old', $2) ON CONFLICT DO NOTHING`, [id, n])
            const c = consumer()
            const records = c.batch(
              table,
              chunks.map((rows, i) => rows.map(([id, n], j) => line(id, n, `${i}/${j}`)).join('')),
            )
            await deliver(c, records)
            const { state, problem, rows } = c.receiptOf(records[0]!)
            assert.deepEqual([state, problem], ['complete', null])
            assert.ok(reconciles(rows))
            return { counts: c.countsOf(records[0]!), stored: await stored(table), rejects: c.rejectsOf(records[0]!) }
          }
          const together = await play((c, records) => c.deliver(records))
          const apart = await play(async (c, records) => {
            for (const record of records) await c.deliver([record])
          })
          assert.deepEqual(together, apart)
        },
      ),
      { numRuns: 50 },
    )
  })

test('rows that the door refused are counted with the chunk that tells of them', async () => {
  const c = consumer()
  const refused = { rows: 3, sums: [{ code: 'wrong-type', column: 'n', rows: 3 }] }
  const [told] = c.batch(items, [''], { header: { refused, last: true } })
  const records = [told!, ...c.batch(items, [lines([1])])]
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(c.countsOf(told!), [[3, 0, 0, 0, 3]])
  assert.deepEqual(c.receiptOf(told!).rejects.byCode, refused.sums)
})

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
    CREATE CONSTRAINT TRIGGER no_seven AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_seven()`)
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
    await db.query('DROP FUNCTION no_seven CASCADE')
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
    const connection = await scratch.connect()
    backends.push((await connection.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
    return connection
  })
  const records = range(0, 6).map((i) => c.batch(items, [lines(range(i * 1000, 1000))])[0]!)
  const index = await c.deliver(records, ({ commitMany }) => ({
    commitMany: (d, chunks, timeLeft) =>
      commitMany(
        d,
        chunks.map((chunk, i) => ({
          ...chunk,
          read: async (sink, lead, before) => {
            if (i === 4 && backends.length === 1) await db.query('SELECT pg_terminate_backend($1)', [backends[0]])
            return chunk.read(sink, lead, before)
          },
        })),
        timeLeft,
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
  const blocker = await scratch.connect()
  await blocker.query('BEGIN; LOCK TABLE items')
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
  const spend: Parameters<Consumer['deliver']>[1] = ({ commitMany }) => ({
    commitMany: async (d, chunks, timeLeft) => {
      const committed = await commitMany(d, chunks, timeLeft)
      left = 10_000
      return committed
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

test('more rejects than the dataset takes: the load is stopped, and chunks that have not begun are not begun', async () => {
  const c = consumer()
  const [a, b] = c.batch(strict, [lines([1, 2], 13), lines([3])])
  const [other] = c.batch(strict, [lines([4])])
  assert.equal(await c.deliver([a!, other!]), -1)
  assert.deepEqual([c.receiptOf(a!).state, c.receiptOf(a!).problem?.code], ['failed', 'too-many-rejects'])
  assert.equal(await c.deliver([b!]), -1)
  assert.deepEqual(await ids(strict), [4])
  const [one, two] = c.batch(strict, [lines([10], 13) + lines([11]), lines([12], 13)])
  assert.equal(await c.deliver([one!, two!]), -1)
  assert.deepEqual([c.receiptOf(one!).problem?.code, c.receiptOf(one!).rows.rejected], ['too-many-rejects', 2])
  assert.equal(c.setAside.length, 0)
})

test('of a load that was stopped, a chunk that the ledger has is shown all the same', async () => {
  const c = consumer()
  const [a, b] = c.batch(strict, [lines([1]), lines([2, 3], 13)])
  const projectChunk = () => Promise.reject(new Error('DynamoDB is away'))
  assert.equal(await c.deliver([a!], () => ({ projectChunk })), 0)
  assert.equal(await c.deliver([b!]), -1)
  assert.equal(c.receiptOf(a!).state, 'failed')
  assert.equal(await c.deliver([a!]), -1)
  assert.equal(c.receiptOf(a!).rows.loaded, 1)
})

test('a key that is too long for its index is a rejected row, and no reason to stop', async () => {
  const c = consumer()
  const long = Array.from({ length: 9000 }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join('')
  const records = c.batch(named, ['{"name":"a"}\n', `{"name":"${long}"}\n{"name":"b"}\n`])
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(c.countsOf(records[0]!), [
    [1, 1, 0, 0, 0],
    [2, 1, 0, 0, 1],
  ])
  assert.equal(c.rejectsOf(records[0]!)[0]?.code, 'sqlstate-54000')
})
