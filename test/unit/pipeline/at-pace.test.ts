import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEnvelopeHeader } from '#core/batches/envelope.ts'
import { bigint } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { OutOfTimeError } from '#core/errors.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import { loadAtPace, type Paces } from '#core/records/at-pace.ts'
import type { Announced, RecordPorts } from '#core/records/ports.ts'
import { acceptedBatch } from '../../support/accepted-batch.ts'

const rows = dataset('rows', { description: 'a test', columns: { id: bigint() }, primaryKey: ['id'], onConflict: 'ignore' })
const sink = { write: async () => undefined, refuse: () => undefined, flush: async () => undefined }
const rowsEach = 100

function records(count: number): Announced[] {
  const text = Array.from({ length: rowsEach }, (_, id) => `{"id":${id}}\n`).join('')
  const { load, envelopes } = acceptedBatch(
    'acme',
    'rows',
    Array.from({ length: count }, () => text),
  )
  return envelopes.map((data, n) => ({
    record: { shard: 's', partitionKey: 'a', sequenceNumber: String(n), arrivedAt: load.createdAt, data },
    header: readEnvelopeHeader(data),
  }))
}

/** A table that takes so many milliseconds for a row, by a clock of its own. */
class Table {
  readonly tries: [records: number, done: boolean][] = []
  readonly committed: number[] = []
  readonly again: unknown[] = []
  readonly paces: Paces = new Map()
  perRow = 1
  answers = true
  #now = 0

  async load(group: readonly Announced[], time: number) {
    const end = this.#now + time
    const left = (): number => end - this.#now
    const deps = { commitMany: this.#commitMany, projectChunk: async () => undefined, finishLoad: async () => undefined }
    const clock = { left, ofTry: () => left() / 3 }
    return loadAtPace(deps as unknown as RecordPorts, rows, group, clock, this.paces, (_, error) => void this.again.push(error))
  }

  readonly #commitMany: RecordPorts['commitMany'] = async (_dataset, chunks, _timeLeft, ofTry) => {
    const most = ofTry()
    const out = (): never => {
      this.#now += most
      this.tries.push([chunks.length, false])
      throw new OutOfTimeError('cut off')
    }
    if (!this.answers) out()
    for (const chunk of chunks) await chunk.read(sink, false, 0)
    const took = chunks.length * rowsEach * this.perRow
    if (took > most) out()
    this.#now += took
    this.tries.push([chunks.length, true])
    this.committed.push(...chunks.map(({ header }) => header.chunk))
    const results = chunks.map(({ header: { crc32, start, size } }) => ({
      before: false,
      result: { crc32, sourceStart: start, sourceEnd: start + size } as ChunkResult,
    }))
    return { kind: 'committed', results }
  }
}

test('a quick table takes all records at once, and no bound is remembered', async () => {
  const table = new Table()
  table.perRow = 0.001
  assert.deepEqual(await table.load(records(50), 55_000), { kind: 'done' })
  assert.deepEqual([table.tries, table.paces.get('rows')], [[[50, true]], undefined])
})

test('a slow one takes them in transactions that fit, in order; the rest is told with the reason, and the next time begins with what fits', async () => {
  const table = new Table()
  const all = records(60)
  table.perRow = 10
  const progress = await table.load(all, 55_000)
  assert.equal(progress.kind, 'no-time')
  const { rest, trouble } = progress as Extract<typeof progress, { rest: unknown }>
  assert.equal(trouble.code, 'table-slow')
  // The first try is too large; something is committed all the same.
  assert.deepEqual(table.tries[0], [60, false])
  assert.ok(table.committed.length > 0)
  assert.deepEqual(
    [...table.committed, ...rest.map(({ header }) => header.chunk)],
    all.map(({ header }) => header.chunk),
  )
  const before = table.tries.length
  await table.load(rest, 55_000)
  assert.ok(table.tries.slice(before).every(([, done]) => done))
  assert.deepEqual(table.again, [])
})

test('once the table is quick again, transactions grow until all fit into one', async () => {
  const table = new Table()
  table.perRow = 10
  await table.load(records(60), 55_000)
  table.perRow = 0.001
  await table.load(records(60), 55_000)
  const before = table.tries.length
  assert.deepEqual(await table.load(records(60), 55_000), { kind: 'done' })
  assert.deepEqual(table.tries.slice(before), [[60, true]])
})

test('a single record that does not fit is told at once; one of which no row could be sent comes again', async () => {
  const table = new Table()
  table.perRow = 1000
  const [one] = records(1)
  const progress = await table.load([one!], 55_000)
  assert.deepEqual([progress.kind, 'rest' in progress && progress.rest, table.tries], ['trouble', [one], [[1, false]]])
  table.answers = false
  assert.deepEqual(await table.load([one!], 55_000), { kind: 'redelivered' })
  assert.equal(table.again.length, 1)
})
