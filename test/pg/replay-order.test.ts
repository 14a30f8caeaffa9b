import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeEnvelope, readEnvelopeHeader, replayed } from '#core/batches/envelope.ts'
import { rowsOf } from '#core/batches/envelope-rows.ts'
import type { OrderPlace } from '#core/batches/order.ts'
import { bigint, integer, jsonb, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import { wouldPutOver } from '#platform/postgres/order.ts'
import { hasCommitsSince } from '#platform/postgres/sql/newer-chunk.ts'
import { Consumer } from '../support/consumer.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const columns = { id: bigint(), n: integer(), note: text({ nullable: true }), more: jsonb({ nullable: true }) }
const shape = { description: 'a test', columns, primaryKey: ['id'] } as const
const latest = dataset('latest', { ...shape, onConflict: 'update', orderingKey: 'id' })
const versioned = dataset('versioned', { ...shape, onConflict: 'update', version: 'n' })
const all = [latest, versioned]

const { db, connect } = await scratchTables(all)

const consumer = () => new Consumer(all, connect)
const row = (id: number, n: number): string => `${JSON.stringify({ id, n, note: null, more: { n } })}\n`
/** One chunk with these keys, all of one lane. */
const accept = (c: Consumer, ids: readonly number[], n: number, { lane = 0, lanes = 4, to = latest as Dataset } = {}): StreamRecord =>
  c.batch(to, [ids.map((id) => row(id, n)).join('')], { header: { lane, lanes } })[0]!
const table = async (): Promise<Record<number, number>> =>
  Object.fromEntries((await db.query('SELECT id::int, n FROM latest')).rows.map(({ id, n }) => [id, n]))

const placeOf = ({ data, sequenceNumber, arrivedAt }: StreamRecord): OrderPlace => {
  const { load, chunk, lane, lanes } = readEnvelopeHeader(data)
  return { load, chunk, position: sequenceNumber, arrivedAt, lane, lanes }
}
const check = (record: StreamRecord, to = latest) => wouldPutOver(db, to, placeOf(record), rowsOf(decodeEnvelope(record.data), to))
/** As a replay puts it back into the stream: behind all that is there. */
const again = (c: Consumer, { data, sequenceNumber, arrivedAt }: StreamRecord, allowOlderRows = false): StreamRecord =>
  c.record(replayed(data, { position: sequenceNumber, arrivedAt, allowOlderRows }))

test('rows after which nothing of their lane came are safe', async () => {
  const c = consumer()
  const [before, dead] = [accept(c, [1, 2], 1), accept(c, [1, 2], 2)]
  await c.deliver([before, accept(c, [1], 9, { lane: 1 })])
  assert.equal((await check(dead)).rows, 0)
  await c.deliver([again(c, dead)])
  assert.deepEqual([await table(), c.setAside.length], [{ 1: 2, 2: 2 }, 0])
})

test('rows over newer ones are found before they are sent, and not committed when they are sent all the same', async () => {
  const c = consumer()
  const [dead, newer] = [accept(c, [1, 2, 3], 1), accept(c, [2, 3, 4], 2)]
  await c.deliver([newer])
  assert.deepEqual(await check(dead), { rows: 2, keys: ['[2]', '[3]'] })
  assert.equal(await c.deliver([again(c, dead)]), -1)
  assert.deepEqual(
    [await table(), c.setAside.map(({ reason }) => reason), c.receiptOf(dead).problem?.code],
    [{ 2: 2, 3: 2, 4: 2 }, ['older-rows'], 'dead-letter'],
  )
  await c.deliver([again(c, dead, true)])
  assert.deepEqual(await table(), { 1: 1, 2: 1, 3: 1, 4: 2 })
})

test('rows whose keys are not in the table, or that are there as they are, are safe', async () => {
  const c = consumer()
  const [dead, same, newer] = [accept(c, [1], 1), accept(c, [5], 7), accept(c, [2, 5], 7)]
  await c.deliver([newer])
  assert.deepEqual([(await check(dead)).rows, (await check(same)).rows], [0, 0])
  await c.deliver([again(c, dead), again(c, same)])
  assert.deepEqual([await table(), c.setAside.length], [{ 1: 1, 2: 7, 5: 7 }, 0])
})

test('what was dealt to another number of lanes may be any lane', async () => {
  const c = consumer()
  const dead = accept(c, [1], 1, { lane: 0, lanes: 4 })
  await c.deliver([accept(c, [1], 2, { lane: 3, lanes: 4 })])
  assert.equal((await check(dead)).rows, 0)
  await c.deliver([accept(c, [1], 3, { lane: 3, lanes: 8 })])
  assert.equal((await check(dead)).rows, 1)
})

test('chunks of files that were committed since count, whatever their lane', async () => {
  const c = consumer()
  const dead = accept(c, [1], 1)
  await db.query(`INSERT INTO latest (id, n) VALUES (1, 9)`)
  const committed = (load: string, at: string) =>
    db.query(
      `INSERT INTO millrace.ledger (load, chunk, tenant, dataset, committed_at) VALUES ($1, 0, 'acme', 'latest', now() - $2::interval)`,
      [load, at],
    )
  await committed('ld_before', '1 hour')
  assert.equal((await check(dead)).rows, 0)
  assert.equal(await hasCommitsSince(db, 'latest', 'ld_x', dead.arrivedAt), false)
  await committed('ld_since', '1 second')
  assert.equal((await check(dead)).rows, 1)
  assert.equal(await hasCommitsSince(db, 'latest', 'ld_x', dead.arrivedAt), true)
  assert.equal(await hasCommitsSince(db, 'latest', 'ld_since', dead.arrivedAt), false)
})

test('two chunks of a lane are sent again one after the other; the first does not stand in the way of the second', async () => {
  const c = consumer()
  const dead = [accept(c, [1, 2], 1), accept(c, [1, 2], 2)]
  await c.deliver(dead.map((record) => again(c, record)))
  assert.deepEqual([await table(), c.setAside.length], [{ 1: 2, 2: 2 }, 0])
})

test('what is in the stream before it, and in the same invocation, is compared too', async () => {
  const c = consumer()
  const [dead, newer] = [accept(c, [1], 1), accept(c, [1], 2)]
  await c.deliver([newer, again(c, dead)])
  assert.deepEqual([await table(), c.setAside.map(({ reason }) => reason)], [{ 1: 2 }, ['older-rows']])
})

test('a version in the rows makes every order harmless', async () => {
  const c = consumer()
  const [dead, newer] = [accept(c, [1], 1, { to: versioned }), accept(c, [1], 2, { to: versioned })]
  await c.deliver([newer, again(c, dead)])
  assert.deepEqual((await db.query('SELECT n FROM versioned')).rows, [{ n: 2 }])
  assert.equal(c.setAside.length, 0)
})

test('whatever is set aside and sent again, in whatever order: no key ever goes back', async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ keys: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1 }), dead: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ replay: fc.nat() }) },
  )
  let refusals = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20, size: 'max' }), async (steps) => {
      await db.query('TRUNCATE latest, millrace.ledger')
      const c = consumer()
      const dead: { record: StreamRecord; n: number; keys: readonly number[] }[] = []
      const newest = new Map<number, number>()
      const commit = ({ n, keys }: { n: number; keys: readonly number[] }) => {
        for (const key of keys) newest.set(key, Math.max(n, newest.get(key) ?? 0))
      }
      for (const [i, s] of steps.entries()) {
        if ('keys' in s) {
          const [lane] = s.keys.map((key) => key % 2)
          const chunk = { n: i + 1, keys: s.keys.filter((key) => key % 2 === lane) }
          const record = accept(c, chunk.keys, chunk.n, { lane: lane!, lanes: 2 })
          if (s.dead) dead.push({ record, ...chunk })
          else {
            await c.deliver([record])
            commit(chunk)
          }
        } else if (dead.length > 0) {
          const chunk = dead[s.replay % dead.length]!
          const { rows } = await check(chunk.record)
          const before = c.setAside.length
          await c.deliver([again(c, chunk.record)])
          const refused = c.setAside.length > before
          assert.equal(refused, rows > 0, 'the dry run and the commit agree')
          if (refused) refusals++
          else {
            dead.splice(dead.indexOf(chunk), 1)
            commit(chunk)
          }
        }
        assert.deepEqual(await table(), Object.fromEntries(newest))
      }
      assert.deepEqual(c.delayed, [])
    }),
    { numRuns: 40 },
  )
  assert.ok(refusals > 0)
})
