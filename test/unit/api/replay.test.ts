import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReplayAnswer } from '#core/api/replay-contract.ts'
import * as routes from '#core/api/routes/replays.ts'
import type { DeadLetter } from '#core/batches/dead-letter.ts'
import { readEnvelopeHeader } from '#core/batches/envelope.ts'
import type { OrderAnswer, OrderQuestion } from '#core/batches/order.ts'
import type { Load } from '#core/loads/load.ts'
import type { Receipt } from '#core/loads/receipt.ts'
import { datasets } from '#datasets'
import { createReplayLoad } from '../../../functions/replay-load/replay-load.ts'
import { callOf, codeOf } from '../../support/call.ts'
import { exampleEnvelope, givenUp, recordOf } from '../../support/dead-letters.ts'
import { exampleBatch, exampleChunk, exampleLoad, exampleNow } from '../../support/example-load.ts'

const nothingOlder: OrderAnswer = { older: [], newer: false, unreadable: [] }

interface World {
  /** Committed chunks. */
  readonly chunks?: readonly number[]
  /** The uploaded object, or what was set aside, is no longer kept. */
  readonly gone?: boolean
  /** Chunks that were set aside, by their sequence number. */
  readonly dead?: Readonly<Record<number, string>>
  readonly order?: OrderAnswer
  /** Chunks that the stream does not take. */
  readonly refused?: readonly number[]
  /** What is set aside of other loads. */
  readonly elsewhere?: readonly Partial<DeadLetter>[]
}
function world(load: Load, { chunks = [], gone = false, dead = {}, order = nothingOlder, refused = [], elsewhere = [] }: World = {}) {
  const done: string[] = []
  const others = new Map<string, Load>()
  const sent: { chunk: number; partitionKey: string; data: Buffer }[] = []
  const asked: OrderQuestion[] = []
  const records = Object.entries(dead).map(([chunk, number]) =>
    recordOf(exampleEnvelope({ load: load.id, chunk: Number(chunk) }), number, `p/${chunk}`),
  )
  const object = givenUp(records)
  const letters = Object.entries(dead).map(([chunk, sequenceNumber], record) => {
    const { partitionKey, arrivedAt } = { partitionKey: `p/${chunk}`, arrivedAt: '2026-01-02T03:00:00.000Z' }
    return {
      load: load.id,
      chunk: Number(chunk),
      sequenceNumber,
      lastSequenceNumber: sequenceNumber,
      partitionKey,
      lanes: 16,
      arrivedAt,
      object: object.key,
      record,
    }
  }) as unknown as DeadLetter[]
  const note = (what: string) => async () => {
    done.push(what)
    return undefined
  }
  const action = createReplayLoad({
    datasets,
    findLoad: async (_tenant, id) => (id === load.id ? load : others.get(id)),
    insertLoad: async (fresh) => {
      done.push('insert')
      others.set(fresh.id, fresh)
      return undefined
    },
    chunksOf: async function* () {
      yield* chunks.map((n) => exampleChunk(n))
    },
    headObject: async () => (gone ? undefined : { size: load.size, load: load.id }),
    reopenFailed: note('reopen'),
    requestPlan: note('plan'),
    lettersOf: async function* () {
      yield* letters
    },
    listLetters: async () => ({ deadLetters: [...letters, ...elsewhere] as DeadLetter[] }),
    readLetters: async (key) => (gone || key !== object.key ? undefined : object),
    checkOrder: async (question) => {
      asked.push(question)
      return order
    },
    reopenBatch: note('reopen'),
    sendRecords: async (records) => {
      done.push('send')
      const taken = records.filter(({ chunk }) => !refused.includes(chunk))
      sent.push(...taken)
      return new Set(taken.map(({ chunk }) => chunk))
    },
    noteSentAgain: async ({ chunk }) => void done.push(`note ${chunk}`),
    finishLoad: note('finish'),
    now: () => exampleNow,
  })
  const ask = (dryRun: boolean, allowOlderRows = false, more: object = {}, key?: string) => {
    const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
    return action(callOf(routes.replayLoad, { load: load.id }, { body: { dryRun, allowOlderRows, ...more }, headers }))
  }
  return { others, done, sent, asked, object, ask, shown: async () => (await ask(true)).json as ReplayAnswer }
}

test('a dry run says what is missing and does nothing', async () => {
  const { ask, done } = world(exampleLoad({ state: 'failed', planned: 6, committed: 3 }), { chunks: [0, 2, 3] })
  const { status, json } = await ask(true)
  const { would, chunks, order } = json as ReplayAnswer
  assert.deepEqual([status, would, done, order?.verdict], [200, 'plan', [], 'harmless'])
  assert.deepEqual(chunks, { planned: 6, committed: 3, missing: [1, 4, 5], missingCount: 3, dead: [], deadCount: 0 })
})

test('while the number of chunks is not known, neither is that of missing ones', async () => {
  const { chunks } = await world(exampleLoad({ state: 'loading' }), { chunks: [0, 2] }).shown()
  assert.deepEqual([chunks.planned, chunks.missing, chunks.missingCount], [null, [1], null])
})

test('a replay reopens a failed load before it asks for the plan', async () => {
  const failed = world(exampleLoad({ state: 'failed' }))
  assert.equal((await failed.ask(false)).status, 202)
  assert.deepEqual(failed.done, ['reopen', 'plan'])
  const stuck = world(exampleLoad({ state: 'loading' }))
  await stuck.ask(false)
  assert.deepEqual(stuck.done, ['plan'])
})

test('nothing is replayed without an object or without anything missing; the dry run says why', async () => {
  for (const state of ['complete', 'receiving', 'aborted', 'failed'] as const) {
    const { ask, done, shown } = world(exampleLoad({ state }), { gone: state === 'failed' })
    assert.equal(await codeOf(ask(false)), 'load-not-replayable', state)
    const { would, reason, order } = await shown()
    assert.deepEqual([would, order], ['nothing', null], state)
    assert.ok(reason.length > 20)
    assert.deepEqual(done, [])
  }
})

test('a file for a dataset in which the last row wins is not loaded over what was committed since, unless asked for by name', async () => {
  const load = exampleLoad({ state: 'failed', dataset: 'events' })
  const late = world(load, { order: { ...nothingOlder, newer: true } })
  assert.equal((await late.shown()).order?.verdict, 'older-rows')
  assert.deepEqual(late.asked, [{ kind: 'since', dataset: 'events', load: load.id, since: load.createdAt }])
  assert.equal(await codeOf(late.ask(false)), 'older-rows')
  assert.deepEqual(late.done, [])
  await late.ask(false, true)
  assert.deepEqual(late.done, ['reopen', 'plan'])
  assert.equal((await world(load).shown()).order?.verdict, 'safe')
})

test('of a batch what was set aside is sent again, in the order in which it was accepted, as it was', async () => {
  const load = exampleBatch({ state: 'failed', planned: 6, committed: 2 })
  const { ask, shown, done, sent, object } = world(load, { chunks: [0, 5], dead: { 1: '100', 2: '99', 4: '1000', 5: '7' } })
  const answer = await shown()
  assert.deepEqual([answer.would, answer.order?.verdict], ['send', 'harmless'])
  assert.deepEqual(answer.chunks, { planned: 6, committed: 2, missing: [3], missingCount: 1, dead: [1, 2, 4], deadCount: 3 })
  assert.deepEqual(done, [])
  assert.equal((await ask(false)).status, 202)
  assert.deepEqual(done, ['reopen', 'send', 'note 2', 'note 1', 'note 4', 'finish'])
  assert.deepEqual(
    sent.map(({ chunk, partitionKey }) => [chunk, partitionKey]),
    [2, 1, 4].map((chunk) => [chunk, `p/${chunk}`]),
  )
  const { payload } = JSON.parse(object.body.toString())
  for (const { data } of sent) assert.ok(payload.includes(data.toString('base64')))
})

test('where the last row wins they carry the place that they had, and older ones are not sent unless asked for by name', async () => {
  const load = exampleBatch({ state: 'failed', dataset: 'events', lanes: 16 })
  const safe = world(load, { dead: { 0: '100', 1: '90' } })
  await safe.ask(false)
  assert.deepEqual(
    safe.sent.map(({ data }) => readEnvelopeHeader(data).replay),
    ['90', '100'].map((position) => ({ position, arrivedAt: '2026-01-02T03:00:00.000Z', allowOlderRows: false })),
  )
  const [question] = safe.asked
  assert.ok(question?.kind === 'deadLetters')
  assert.deepEqual(
    question.deadLetters.map(({ chunk, position, lanes, record }) => [chunk, position, lanes, record]),
    [
      [1, '90', 16, 1],
      [0, '100', 16, 0],
    ],
  )
  const late = world(load, { dead: { 0: '100' }, order: { ...nothingOlder, older: [{ chunk: 0, rows: 3, keys: ['["a",1]'] }] } })
  const { order } = await late.shown()
  assert.deepEqual([order?.verdict, order?.older.length], ['older-rows', 1])
  assert.equal(await codeOf(late.ask(false)), 'older-rows')
  assert.deepEqual(late.done, [])
  await late.ask(false, true)
  assert.equal(readEnvelopeHeader(late.sent[0]!.data).replay?.allowOlderRows, true)
})

test('loads whose chunks of the same lane came before are named: they go first', async () => {
  const other = (load: string, sequenceNumber: string, lane?: number): Partial<DeadLetter> => ({
    load,
    chunk: 0,
    sequenceNumber,
    ...(lane === undefined ? {} : { lane }),
  })
  const elsewhere = [
    other('ld_newer', '101'),
    other('ld_second', '99'),
    other('ld_lane', '5', 3),
    other('ld_first', '7'),
    other('ld_second', '98'),
  ]
  const { shown } = world(exampleBatch({ state: 'failed', dataset: 'events' }), { dead: { 0: '100' }, elsewhere })
  assert.deepEqual((await shown()).order?.first, ['ld_first', 'ld_second'])
})

test('a load that failed and whose chunks came after all is ended anew', async () => {
  const { ask, shown, done } = world(exampleBatch({ state: 'failed', planned: 2 }), { chunks: [0, 1], dead: { 1: '5' } })
  assert.deepEqual([(await shown()).would, (await shown()).chunks.deadCount], ['send', 0])
  await ask(false)
  assert.deepEqual(done, ['reopen', 'send', 'finish'])
})

test('what the stream does not take stays set aside, and is said', async () => {
  const { ask, done } = world(exampleBatch({ state: 'failed' }), { dead: { 0: '1', 1: '2' }, refused: [1] })
  assert.equal(await codeOf(ask(false)), 'stream-unavailable')
  assert.deepEqual(done, ['reopen', 'send', 'note 0'])
})

test('a batch of which nothing is set aside, or nothing is kept, is not replayed', async () => {
  for (const state of ['complete', 'receiving', 'loading', 'failed'] as const) {
    const { ask, shown } = world(exampleBatch({ state }))
    assert.equal(await codeOf(ask(false)), 'load-not-replayable', state)
    assert.equal((await shown()).would, 'nothing')
  }
  const gone = world(exampleBatch({ state: 'failed' }), { dead: { 0: '1' }, gone: true })
  assert.equal(await codeOf(gone.ask(false)), 'dead-letter-expired')
  assert.deepEqual(gone.done, [])
})

const whole = exampleLoad({ state: 'complete', uploadedCrc32: '00000001', format: 'csv', fixes: 'ld_x', committed: 3, received: 30 })

test('a file is loaded once more into another dataset, as a load of its own that reads the same object', async () => {
  const { ask, done, others } = world(whole)
  const dry = (await ask(true, false, { into: 'readings' })).json as ReplayAnswer
  assert.deepEqual([dry.would, dry.into?.dataset, dry.order?.verdict, done], ['plan', 'readings', 'harmless', []])
  const { json } = await ask(false, false, { into: 'readings' })
  const receipt = json as Receipt
  assert.deepEqual([receipt.id, receipt.dataset, receipt.state, receipt.rows.received], [dry.into?.load, 'readings', 'loading', 0])
  assert.equal(receipt.links.source, `/v1/loads/${whole.id}`)
  const made = others.get(receipt.id)
  assert.ok(made?.door === 'file')
  assert.deepEqual([made.objectKey, made.source, made.size, made.fixes], [whole.objectKey, whole.id, whole.size, undefined])
  assert.deepEqual(done, ['insert', 'plan'])
  // Again: the same load, of which nothing is done yet.
  await ask(false, false, { into: 'readings' })
  assert.deepEqual([done, others.size], [['insert', 'plan', 'plan'], 1])
  await ask(false, false, { into: 'readings' }, 'another')
  assert.equal(others.size, 2)
})

test('what cannot be loaded into a dataset is refused', async () => {
  const refused = async (load: Load, into: string, more: World = {}, key?: string) => {
    const { ask, done } = world(load, more)
    const code = await codeOf(ask(false, false, { into }, key))
    assert.deepEqual(done, [])
    return code
  }
  assert.equal(await refused(whole, 'nothing'), 'dataset-not-found')
  assert.equal(await refused(exampleBatch({ state: 'complete' }), 'flights'), 'load-not-replayable')
  assert.equal(await refused(whole, 'flights', { gone: true }), 'load-not-replayable')
  assert.equal(await refused(exampleLoad({ state: 'receiving' }), 'flights'), 'load-not-replayable')
  assert.equal(await refused(whole, 'flights', {}, 'x'.repeat(256)), 'idempotency-key-invalid')
  assert.equal(await refused(whole, 'events', { order: { ...nothingOlder, newer: true } }), 'older-rows')
})

test('once loaded into a dataset it is not loaded again under the same key', async () => {
  const { ask, others } = world(whole)
  const { id } = (await ask(false, false, { into: 'flights' })).json as Receipt
  others.set(id, { ...others.get(id)!, state: 'complete' })
  assert.equal(await codeOf(ask(false, false, { into: 'flights' })), 'load-not-replayable')
  others.set(id, { ...others.get(id)!, fingerprint: 'another' })
  assert.equal(await codeOf(ask(false, false, { into: 'flights' })), 'idempotency-key-reused')
})
