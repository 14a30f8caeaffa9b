import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import fc from 'fast-check'
import { decodeEnvelope } from '#core/batches/envelope.ts'
import { bigint, integer } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { LoadError, OutOfTimeError } from '#core/errors.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import type { RecordPorts } from '#core/records/ports.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import { createDrainParked } from '../../../functions/drain-parked/drain-parked.ts'
import { createLoadRecords } from '../../../functions/load-records/load-records.ts'
import { acceptedBatch } from '../../support/accepted-batch.ts'
import { MemoryParking } from '../../support/memory-parking.ts'

const columns = { id: bigint(), n: integer() }
const latest = dataset('latest', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'update', orderingKey: 'id' })
const lanes = 2
const locked = Object.assign(new Error('could not obtain lock'), { code: '55P03' })
const changed = new LoadError('table-changed', 'The column n is text.')
/** Only the rows of one record fit into a try. */
const slow = new OutOfTimeError('too slow')
const sink = { write: async () => undefined, refuse: () => undefined, flush: async () => undefined }

/** A table, a ledger and a stream in memory. Any call may be cut off, once `fuse` calls have gone through, before it is done or after. */
class World {
  readonly parking = new MemoryParking()
  readonly table = new Map<number, number>()
  readonly ledger = new Map<string, number>()
  readonly accepted = new Map<number, number>()
  /** What each lane has accepted and Lambda has not yet been told to be done. */
  readonly streams: StreamRecord[][] = Array.from({ length: lanes }, () => [])
  readonly chunks = new Set<string>()
  trouble: Error | undefined
  fuse = Number.POSITIVE_INFINITY
  done = false
  /** Ticks that the next calls take, over and over. */
  waits: readonly number[] = [1]
  #calls = 0
  #sequence = 0
  #draining = false

  send(key: number): void {
    const n = this.#sequence++
    this.accepted.set(key, n)
    const { load, envelopes } = acceptedBatch('acme', 'latest', [`${JSON.stringify({ id: key, n })}\n`])
    this.chunks.add(`${load.id}/0`)
    const sequenceNumber = String(49_000_000_000_000_000_000_000n + BigInt(n))
    const place = { sequenceNumber, partitionKey: `latest/${key % lanes}`, shard: 'shardId-000000000000', arrivedAt: load.createdAt }
    this.streams[key % lanes]!.push({ ...place, data: envelopes[0]! })
  }

  async #wait(): Promise<void> {
    for (let n = this.waits[this.#calls++ % this.waits.length]!; n > 0; n--) await tick()
  }

  /** A call that takes a while, and may be the last of its process. */
  #port<A extends readonly unknown[], T>(work: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      await this.#wait()
      if (--this.fuse === 0 && !this.done) throw new Error('cut off before')
      const result = await work(...args)
      if (this.fuse === 0 && this.done) throw new Error('cut off after')
      await this.#wait()
      return result
    }
  }

  #ports(): RecordPorts {
    return {
      commitMany: this.#port(async (_dataset, chunks) => {
        if (this.trouble === slow) for (const chunk of chunks) await chunk.read(sink, false, 0)
        if (this.trouble && (this.trouble !== slow || chunks.length > 1)) throw this.trouble
        return {
          kind: 'committed' as const,
          results: chunks.map(({ header, record }) => {
            const id = `${header.load}/${header.chunk}`
            const before = this.ledger.has(id)
            this.ledger.set(id, (this.ledger.get(id) ?? 0) + (before ? 0 : 1))
            const row = JSON.parse(decodeEnvelope(record.data).text.toString()) as { id: number; n: number }
            if (!before) this.table.set(row.id, row.n)
            const { crc32, start, size } = header
            return { before, result: { crc32, sourceStart: start, sourceEnd: start + size } as ChunkResult }
          }),
        }
      }),
      committedChunk: async () => undefined,
      projectChunk: this.#port(async () => undefined),
      finishLoad: async () => undefined,
      getLoad: async () => undefined,
      failLoad: async () => undefined,
      setAside: async () => assert.fail('nothing is set aside'),
    }
  }

  #parking() {
    const { find, open, put, count, remove, wake, list, read, close } = this.parking
    const all = { find, open, put, count, remove, wake, list, read, close }
    const guarded = Object.entries(all).map(([name, work]) => [name, this.#port(work as (...args: unknown[]) => Promise<unknown>)])
    return Object.fromEntries(guarded) as typeof all
  }

  /** One invocation for a lane; what it reports, or all when it dies, comes again. */
  async deliver(lane: number, most: number): Promise<void> {
    const records = this.streams[lane]!.slice(0, most)
    if (records.length === 0) return
    const load = createLoadRecords({
      ...this.#ports(),
      findDataset: () => latest,
      parking: this.#parking(),
      noteWaiting: async () => undefined,
      delayed: () => undefined,
    })
    const again = await load(records, () => 60_000).catch(() => records[0])
    this.streams[lane]!.splice(0, again === undefined ? records.length : records.indexOf(again))
  }

  /** The lease lets one run at a time. */
  async drain(): Promise<void> {
    if (this.#draining) return
    this.#draining = true
    const drain = createDrainParked({
      failed: () => undefined,
      ...this.#ports(),
      ...this.#parking(),
      findDataset: () => latest,
      lease: async () => true,
      renew: async () => undefined,
      release: async () => undefined,
      sendAgain: async () => undefined,
      delayed: () => undefined,
      patience: Number.POSITIVE_INFINITY,
      now: Date.now,
    })
    await drain({ dataset: 'latest', failures: 0 }, () => 60_000).catch(() => undefined)
    this.#draining = false
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), key: fc.nat(4) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      most: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: lanes, maxLength: lanes }),
      drain: fc.boolean(),
      fuse: fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined, freq: 1 }),
      done: fc.boolean(),
      heals: fc.boolean(),
      waits: fc.array(fc.nat(6), { minLength: 1, maxLength: 20 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trouble' as const), error: fc.constantFrom(locked, changed, slow, undefined) }) },
)

test('whatever is in trouble, dies or drains: each key ends with what was accepted last, nothing is lost, nothing is in twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const world = new World()
      for (const one of steps) {
        if (one.do === 'send') world.send(one.key)
        else if (one.do === 'trouble') world.trouble = one.error
        else {
          world.fuse = one.fuse ?? Number.POSITIVE_INFINITY
          world.done = one.done
          world.waits = one.waits
          const all = one.most.map((most, lane) => world.deliver(lane, most))
          if (one.drain) all.push(world.drain())
          if (one.heals) {
            await tick()
            world.trouble = undefined
          }
          await Promise.all(all)
        }
      }
      world.fuse = Number.POSITIVE_INFINITY
      world.trouble = undefined
      for (let lane = 0; lane < lanes; lane++) await world.deliver(lane, 1000)
      await world.drain()
      assert.equal(world.parking.marks.size, 0)
      assert.deepEqual(new Map([...world.table].sort()), new Map([...world.accepted].sort()))
      assert.deepEqual(new Set(world.ledger.keys()), world.chunks)
      assert.ok([...world.ledger.values()].every((times) => times === 1))
    }),
    { numRuns: 200 },
  )
})

test('what is parked while the drainer looks for the last time keeps the mark, and goes in', async () => {
  const world = new World()
  world.trouble = locked
  world.send(0)
  await world.deliver(0, 10)
  world.trouble = undefined
  const { list } = world.parking
  let looked = false
  world.parking.list = async (name) => {
    const keys = await list(name)
    if (keys.length > 0 || looked) return keys
    looked = true
    world.send(0)
    await world.deliver(0, 10)
    return keys
  }
  await world.drain()
  assert.deepEqual([looked, world.parking.marks.size, world.parking.objects.size], [true, 0, 0])
  assert.deepEqual(world.table, world.accepted)
})
