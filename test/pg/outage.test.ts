import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bigint, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import type { Waiting } from '#core/loads/waiting.ts'
import { chunkStore } from '#platform/postgres/chunk-store.ts'
import type { LoadChunkDeps } from '../../functions/load-chunk/ports.ts'
import { createProbeDatabase } from '../../functions/probe-database/probe-database.ts'
import { brokenLine } from '../support/broken-line.ts'
import { Consumer } from '../support/consumer.ts'
import { MemoryBreaker } from '../support/memory-breaker.ts'
import { memoryRejects } from '../support/memory-rejects.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const items = dataset('items', { description: 'a test', columns: { id: bigint(), name: text() }, primaryKey: ['id'], onConflict: 'ignore' })
const { count, url, db: admin } = await scratchTables([items])
const line = await brokenLine(url)
after(() => line[Symbol.asyncDispose]())

const rows = 4000
const content = Array.from({ length: rows }, (_, id) => `{"id":${id},"name":"name ${id}"}\n`).join('')

/** A file of eight chunks and loaders that share a breaker, as deployed ones do. */
function loading(more: (deps: LoadChunkDeps) => Partial<LoadChunkDeps> = () => ({}), chunks = 8) {
  const p = new Pipeline(items, line.connect)
  p.mostFailures = 0
  const { id } = p.open(Buffer.from(content), 'ndjson', 'none', Math.ceil(content.length / chunks))
  const breaker = new MemoryBreaker(1000)
  const waits: Waiting[] = []
  const drain = () =>
    p.drain(4, undefined, (deps) => ({
      ...deps,
      ...chunkStore(line.connect, breaker, () => memoryRejects(() => undefined)),
      noteWaiting: async (_load, waiting) => void waits.push(waiting),
      ...more(deps),
    }))
  return { p, id, breaker, waits, drain }
}

test('a database that goes away in the middle of a file: the load waits, uses no receives, and goes on by itself', async () => {
  let opened = 0
  const { p, id, breaker, waits, drain } = loading(({ openText }) => ({
    openText: (...args) => {
      if (++opened === 3) line.cut()
      return openText(...args)
    },
  }))
  const began = Date.now()
  const ended = drain()
  await sleep(7000)
  line.mend()
  await ended
  const { state, reconciles, rows: counts } = p.receipt(id)
  assert.deepEqual([state, reconciles, counts.loaded, await count('items')], ['complete', true, rows, rows])
  assert.deepEqual(p.failures, [])
  assert.ok(waits.length > 0 && waits.every(({ code }) => code === 'database-unavailable'))
  // Four loaders, and one attempt a second between them.
  assert.ok(line.refused.length > 0 && line.refused.length <= 2 + (Date.now() - began) / 1000, String(line.refused.length))
  assert.equal(breaker.since, undefined)
})

test('a chunk under which the database goes away again and again is not waited out for days: it uses up its receives', async () => {
  let cutting = true
  const { p, id, waits, drain } = loading(({ openText }) => {
    // Without a pause between two looks: the server needs longer to come back than a loader waits for it.
    const { commitChunk } = chunkStore(
      line.connect,
      new MemoryBreaker(0),
      () => memoryRejects(() => undefined),
      async () => undefined,
    )
    return {
      openText: (...args) => {
        if (cutting) line.cut()
        return openText(...args)
      },
      commitChunk: async (...args) => {
        line.mend()
        return commitChunk(...args)
      },
    }
  }, 1)
  await assert.rejects(drain(), { code: '08006', inWork: true })
  // Eight times it was waited for, and the ninth time is the first that counts.
  assert.deepEqual([waits.filter(({ code }) => code === 'database-unavailable').length, p.failures.length], [8, 1])
  assert.deepEqual([p.receipt(id).state, await count('items')], ['loading', 0])
  cutting = false
  p.mostFailures = 10
  await drain()
  assert.deepEqual([p.receipt(id).state, await count('items')], ['complete', rows])
  await admin.query('TRUNCATE items, millrace.ledger')
})

test('a load that has waited for as long as the stage says ends as failed, and goes on when it is opened again', async () => {
  const { p, id, drain } = loading(() => ({ patience: -1 }), 1)
  const jobs = [...p.queue]
  line.cut()
  await drain()
  assert.deepEqual([p.receipt(id).state, p.receipt(id).problem?.code], ['failed', 'database-unavailable'])
  line.mend()
  p.loads.set(id, { ...p.loads.get(id)!, state: 'loading' })
  p.queue.push(...jobs)
  await drain()
  assert.deepEqual([p.receipt(id).rows.loaded, await count('items')], [rows, rows])
})

test('a server that takes connections and no writes, as the old writer after a failover, is away: the load waits for the new one', async () => {
  const { p, id, breaker, waits, drain } = loading()
  const name = new URL(url).pathname.slice(1)
  await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  const ended = drain()
  await sleep(7000)
  await admin.query('SET default_transaction_read_only = off')
  await admin.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
  await ended
  assert.deepEqual([p.receipt(id).state, await count('items'), p.failures], ['complete', rows, []])
  assert.deepEqual([breaker.since, waits.length > 0], [undefined, true])
})

test('a breaker that was left open before the load began does not use up its patience', async () => {
  const { p, id, breaker, waits, drain } = loading(() => ({ patience: 3_600_000 }), 1)
  breaker.since = new Date(Date.now() - 7 * 86_400_000).toISOString()
  p.loads.set(id, { ...p.loads.get(id)!, startedAt: new Date().toISOString() })
  line.cut()
  const ended = drain()
  while (waits.length === 0) await sleep(100)
  line.mend()
  await ended
  assert.equal(p.receipt(id).state, 'complete')
})

test('a server that takes connections but fails every transaction is no outage: it costs receives, and so ends', async () => {
  const cut = Object.assign(new Error('server closed the connection'), { code: '57P01' })
  const { p, drain } = loading(() => ({ commitChunk: () => Promise.reject(cut) }), 1)
  p.mostFailures = 1
  await assert.rejects(drain(), cut)
})

test('the stream waits likewise: its records come again once the time of the invocation is over, and go in afterwards', async () => {
  const consumer = new Consumer([items], line.connect)
  const records = consumer.batch(items, ['{"id":1,"name":"a"}\n', '{"id":2,"name":"b"}\n'])
  line.cut()
  const end = Date.now() + 12_000
  assert.equal(await consumer.deliver(records, undefined, () => end - Date.now()), 0)
  line.mend()
  assert.equal(await consumer.deliver(records), -1)
  assert.equal(await count('items'), 2)
})

test('nobody wants the database: the probe finds out that it is away, and that it is back, one look at a time', async () => {
  const breaker = new MemoryBreaker(0)
  let [looking, notes] = [false, 0]
  const probe = createProbeDatabase(line.connect, breaker, {
    async takeTurn() {
      const mine = !looking
      looking = true
      return mine
    },
    async note() {
      looking = false
      notes++
    },
  })
  await probe()
  assert.deepEqual([notes, breaker.since], [1, undefined])
  line.cut()
  const tried = line.refused.length
  await Promise.all([probe(), probe(), probe()])
  assert.deepEqual([notes, line.refused.length - tried, breaker.since !== undefined], [2, 1, true])
  line.mend()
  await probe()
  assert.deepEqual([notes, breaker.since], [3, undefined])
  // A server that takes no writes is not there either.
  const name = new URL(url).pathname.slice(1)
  await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  await probe()
  assert.notEqual(breaker.since, undefined)
  await admin.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
  await probe()
  assert.equal(breaker.since, undefined)
})
