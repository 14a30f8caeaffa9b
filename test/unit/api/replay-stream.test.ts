import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReplayStreamBody, StreamPage } from '#core/api/replay-contract.ts'
import { replayStreamBody } from '#core/api/replay-contract.ts'
import * as routes from '#core/api/routes/replays.ts'
import type { DeadRecord } from '#core/batches/dead-letter.ts'
import { readEnvelopeHeader, replayed } from '#core/batches/envelope.ts'
import type { StreamRange, StreamRangeStep } from '#core/batches/stream-range.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { datasets } from '#datasets'
import { createReplayStream } from '../../../functions/replay-stream/replay-stream.ts'
import { callOf, codeOf } from '../../support/call.ts'
import { exampleEnvelope } from '../../support/dead-letters.ts'
import { exampleBatch, exampleNow } from '../../support/example-load.ts'

const from = new Date(exampleNow - 3_600_000).toISOString()
const shard = 'shardId-000000000000'
const record = (data: Buffer, n: number): DeadRecord => ({ data, sequenceNumber: String(n), partitionKey: `p/${n}`, arrivedAt: from })

interface World {
  readonly load?: Partial<BatchLoad>
  readonly states?: Readonly<Record<number, 'committed' | 'dead'>>
  /** Milliseconds that each step of reading takes. */
  readonly pace?: number
  readonly takes?: number
}
function world(envelopes: readonly Buffer[], { load = {}, states = {}, pace = 0, takes = 1000 }: World = {}) {
  let now = exampleNow
  const done: string[] = []
  const sent: Buffer[] = []
  const action = createReplayStream({
    datasets,
    readStreamRange: async function* ({ after }: StreamRange): AsyncGenerator<StreamRangeStep> {
      const first = after === undefined ? 0 : Number(after.sequenceNumber) + 1
      for (let n = first; n < envelopes.length; n++) {
        now += pace
        yield { position: { shard, sequenceNumber: String(n), done: false }, record: record(envelopes[n]!, n) }
      }
    },
    statesOf: async (chunks) => chunks.map(({ chunk }) => states[chunk] ?? 'waiting'),
    findLoad: async (_tenant, id) => (id === exampleBatch().id ? exampleBatch(load) : undefined),
    reopenBatch: async () => {
      done.push('reopen')
      return undefined
    },
    sendRecords: async (records) => {
      const taken = records.slice(0, takes)
      sent.push(...taken.map(({ data }) => data))
      done.push(`send ${taken.map(({ partitionKey }) => partitionKey).join()}`)
      return new Set(taken.map(({ chunk }) => chunk))
    },
    now: () => now,
  })
  const ask = async (body: Partial<ReplayStreamBody> = {}, dataset = 'flights') => {
    const { json } = await action(callOf(routes.replayStream, { dataset }, { body: replayStreamBody.parse({ from, ...body }) }))
    return json as StreamPage
  }
  return { ask, done, sent }
}
const chunk = (n: number, more: Parameters<typeof exampleEnvelope>[0] = {}) => exampleEnvelope({ chunk: n, ...more })

test('a dry run tells what of the tenant’s own is in the stretch, and where it is', async () => {
  const { ask, done } = world(
    [chunk(0), chunk(1), chunk(2, { tenant: 'other' }), chunk(3, { dataset: 'events' }), Buffer.from('x'), chunk(4)],
    {
      states: { 0: 'committed', 1: 'dead' },
    },
  )
  const { items, sent, next, to } = await ask()
  assert.deepEqual(
    items.map(({ chunk, state, rows, text }) => [chunk, state, rows, text]),
    [
      [0, 'committed', 1, undefined],
      [1, 'dead', 1, undefined],
      [4, 'waiting', 1, undefined],
    ],
  )
  assert.deepEqual([sent, next, to, done], [0, null, new Date(exampleNow).toISOString(), []])
})

test('what is in no table is sent again, as it was, and its load is reopened first', async () => {
  const { ask, done, sent } = world([chunk(0), chunk(1), chunk(2)], { load: { state: 'failed' }, states: { 1: 'committed', 2: 'dead' } })
  assert.equal((await ask({ dryRun: false })).sent, 2)
  assert.deepEqual(done, ['reopen', 'send p/0,p/2'])
  assert.deepEqual(sent, [chunk(0), chunk(2)])
})

test('where the last row wins it carries the place that it had first', async () => {
  const place = { position: '7', arrivedAt: '2026-01-01T00:00:00.000Z', allowOlderRows: true }
  const { ask, sent } = world([chunk(0, { dataset: 'events' }), replayed(chunk(1, { dataset: 'events' }), place)])
  await ask({ dryRun: false }, 'events')
  assert.deepEqual(
    sent.map((data) => readEnvelopeHeader(data).replay),
    [
      { position: '0', arrivedAt: from, allowOlderRows: false },
      { ...place, allowOlderRows: false },
    ],
  )
})

test('a stretch that takes longer than a request comes page by page, with nothing twice', async () => {
  const { ask } = world(
    Array.from({ length: 10 }, (_, n) => chunk(n)),
    { pace: 4000 },
  )
  const seen: number[] = []
  let pages = 0
  for (let page = await ask(); ; page = await ask({ to: page.to, cursor: page.next! })) {
    pages++
    seen.push(...page.items.map(({ chunk }) => chunk))
    if (page.next === null) break
  }
  assert.deepEqual([seen, pages > 2], [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], true])
})

test('texts come as they can be sent again; what cannot be read comes without', async () => {
  const csv = { delimiter: ',', quote: '"', null: '', header: false, columns: ['id', 'delay'] }
  const broken = Buffer.from(chunk(1))
  broken[broken.length - 1]! ^= 1
  const { ask } = world([chunk(0), broken, exampleEnvelope({ chunk: 2, format: 'csv', csv, rows: 1 }, Buffer.from('1,2\n'))])
  assert.deepEqual(
    (await ask({ texts: true })).items.map(({ text }) => text),
    ['{"id":1}\n', null, 'id,delay\n1,2\n'],
  )
})

test('a load that is gone is passed over; a stream that takes too little says so; a stretch without length is refused', async () => {
  const gone = world([chunk(0, { load: `ld_${'1'.repeat(26)}` })])
  assert.deepEqual([(await gone.ask({ dryRun: false })).sent, gone.sent], [0, []])
  assert.equal(await codeOf(world([chunk(0), chunk(1)], { takes: 1 }).ask({ dryRun: false })), 'stream-unavailable')
  for (const wrong of [{ to: from }, { to: new Date(exampleNow + 1000).toISOString() }, { cursor: 'abc' }])
    assert.equal(await codeOf(world([]).ask(wrong)), 'invalid-request')
  assert.equal(await codeOf(world([]).ask({}, 'nothing')), 'dataset-not-found')
})
