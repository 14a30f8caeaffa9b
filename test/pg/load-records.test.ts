import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { reconciles } from '#core/loads/receipt.ts'
import type { Consumer } from '../support/consumer.ts'
import { items, latest, line, lines, named, newest, range, recordTables, strict } from '../support/record-tables.ts'

const { db, consumer, stored, ids } = await recordTables()
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
