import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLoadChunk } from '../../functions/load-chunk/load-chunk.ts'
import { items, lines } from '../support/items.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const { db, connect, count } = await scratchTables([items])

test('a loader that has lost its message and still runs: the next one waits at its ledger row, and the chunk counts once', async () => {
  const p = new Pipeline(items, connect)
  const load = p.open(Buffer.from(lines(50).join('\n')), 'ndjson', 'none', 10_000)
  const job = p.queue.shift()!
  const [copied, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const deps = p.deps()
  const paused = createLoadChunk({
    ...deps,
    commitChunk: (of, dataset, place, read, turn, timeLeft) =>
      deps.commitChunk(
        of,
        dataset,
        place,
        async (sink, lead, ...more) => {
          const facts = await read(sink, lead, ...more)
          copied.resolve()
          await go.promise
          return facts
        },
        turn,
        timeLeft,
      ),
  })
  const first = paused(job, () => 900_000)
  await copied.promise
  // Its lease is over: the queue has delivered the message to another one.
  const second = createLoadChunk(p.deps())(job, () => 900_000)
  const waiting = async () =>
    (await db.query('SELECT count(*)::int AS n FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0')).rows[0].n
  while ((await waiting()) === 0) await sleep(20)
  go.resolve()
  await Promise.all([first, second])
  // And once more, long after the end.
  await createLoadChunk(p.deps())(job, () => 900_000)
  const { state, rows, chunks } = p.receipt(load.id)
  assert.deepEqual([state, rows.loaded, rows.duplicate, chunks.committed], ['complete', 50, 0, 1])
  assert.equal(await count('items'), 50)
  await p.drain()
})
