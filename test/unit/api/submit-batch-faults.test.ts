import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as routes from '#core/api/routes/batches.ts'
import type { BatchRecord } from '#core/batches/batch-cut.ts'
import { decodeEnvelope } from '#core/batches/envelope.ts'
import { integer, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { RequestError } from '#core/errors.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { createSubmitBatch } from '../../../functions/submit-batch/submit-batch.ts'
import { callOf } from '../../support/call.ts'
import { exampleNow } from '../../support/example-load.ts'
import { MemoryBatches } from '../../support/memory-batches.ts'

/**
 * What befalls one call of a port: nothing; an error before it did anything; an error though it has done it; the death of the function before or
 * after it, with which nothing of this request runs any more, the giving back of its lock included.
 */
type Fate = 'well' | 'fails' | 'answer lost' | 'dies before' | 'dies after'
const fate = fc.constantFrom<Fate>('well', 'well', 'well', 'fails', 'answer lost', 'dies before', 'dies after')

class Died extends Error {}

/** The ports as one request finds them. */
function mortal(w: MemoryBatches, next: () => Fate, takes: () => boolean): MemoryBatches {
  let dead = false
  const port =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const now = dead ? 'dies before' : next()
      if (now === 'fails') throw new Error('failed')
      if (now === 'dies before') dead = true
      if (dead) throw new Died()
      const result = await work(...args)
      if (now === 'answer lost') throw new Error('answer lost')
      if (now === 'dies after') dead = true
      if (dead) throw new Died()
      return result
    }
  // A stream that takes some, each key's in their order.
  const sendRecords = async (records: readonly BatchRecord[]) => {
    const stopped = new Set<string>()
    const taken = new Set<number>()
    for (const record of records) {
      if (stopped.has(record.partitionKey) || !takes()) stopped.add(record.partitionKey)
      else {
        w.stream.push(record)
        taken.add(record.chunk)
      }
    }
    return taken
  }
  return Object.assign(Object.create(w) as MemoryBatches, {
    lanes: 1,
    datasets: new Map([['notes', notes]]),
    insertLoad: port(w.insertLoad),
    takeBatch: port(w.takeBatch),
    acceptBatch: port(w.acceptBatch),
    releaseBatch: port(w.releaseBatch),
    storeRefused: port(w.storeRefused),
    findLoad: port(w.findLoad),
    sendRecords: port(sendRecords),
  })
}

const notes = dataset('notes', {
  description: 'of a test',
  columns: { k: text(), n: integer(), note: text() },
  primaryKey: ['k', 'n'],
  onConflict: 'ignore',
  orderingKey: 'k',
})
/** Each is a chunk by itself, so that the lane has several. */
const lines = Array.from({ length: 4 }, (_, n) => `{"k":"k${n % 2}","n":${n},"note":"${'x'.repeat(501_000)}"}\n`)
const body = Buffer.from(`${lines.join('')}nonsense\n`)

test('whatever befalls a request, side by side with others or not: sent again until it is accepted, all of it is in the stream, each lane in order', async () => {
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 40 }),
      fc.infiniteStream(fc.boolean()),
      fc.integer({ min: 1, max: 3 }),
      async (fates, luck, requests) => {
        const w = new MemoryBatches(exampleNow)
        let calls = 0
        const next = (): Fate => fates[calls++] ?? 'well'
        const takes = (): boolean => calls > fates.length || luck.next().value
        const submit = async (): Promise<boolean> => {
          const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'k' }
          const call = callOf(routes.submitBatch, { dataset: 'notes' }, { body, headers, query: {} })
          try {
            const { status } = await createSubmitBatch(mortal(w, next, takes))(call)
            assert.ok(status === 202 || status === 200)
            return true
          } catch (error) {
            if (error instanceof RequestError) assert.match(error.problem.code, /^(batch-in-flight|stream-unavailable)$/)
            return false
          }
        }
        // A client waits a little; after a death only time ends the lock.
        for (let tries = 0; ; tries++) {
          assert.ok(tries < 100, 'it is never accepted')
          const answers = await Promise.all(Array.from({ length: requests }, submit))
          w.clock += 7000
          if (answers.includes(true)) break
        }
        const [load] = w.loads.values() as Iterable<BatchLoad>
        const chunks = new Set(w.stream.map(({ chunk }) => chunk))
        assert.deepEqual([load!.planned, w.refused.get(load!.id)?.length], [chunks.size, 1])
        const bytes = new Map<number, Buffer>()
        const lanes = new Map<string, number[]>()
        for (const { chunk, partitionKey, data } of w.stream) {
          assert.deepEqual(bytes.get(chunk) ?? data, data)
          bytes.set(chunk, data)
          const seen = lanes.get(partitionKey) ?? []
          if (!seen.includes(chunk)) lanes.set(partitionKey, [...seen, chunk])
        }
        for (const seen of lanes.values())
          assert.deepEqual(
            seen,
            [...seen].sort((a, b) => a - b),
          )
        const rows = [...bytes.values()].reduce((sum, data) => sum + decodeEnvelope(data).header.rows, 0)
        assert.equal(rows, lines.length)
        accepted++
      },
    ),
    { numRuns: 20 },
  )
  assert.equal(accepted, 20)
})
