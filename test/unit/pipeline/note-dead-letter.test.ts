import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeadLetter, recordIn, type StoredLetters } from '#core/batches/dead-letter.ts'
import type { Load } from '#core/loads/load.ts'
import { createNoteDeadLetter } from '../../../functions/note-dead-letter/note-dead-letter.ts'
import { exampleEnvelope, givenUp, recordOf, setAside } from '../../support/dead-letters.ts'
import { exampleBatch, exampleNow } from '../../support/example-load.ts'

/** `committed` are chunks that are shown in the load; `cut` ends an invocation before the letter of that chunk is noted, once. */
function world({ load = exampleBatch({ state: 'loading' }), committed = [] as number[], cut = undefined as number | undefined } = {}) {
  const objects = new Map<string, StoredLetters>()
  const letters = new Map<string, DeadLetter>()
  const seen = { failed: [] as string[], unreadable: [] as string[], dead: 0 }
  let state: Load['state'] = load.state
  const note = createNoteDeadLetter({
    readLetters: async (key) => objects.get(key),
    getLoad: async (id) => (id === load.id ? load : undefined),
    isCommitted: async (_id, chunk) => committed.includes(chunk),
    findLetter: async (id, chunk) => letters.get(`${id}/${chunk}`),
    noteLetter: async (letter, known) => {
      if (cut === letter.chunk) {
        cut = undefined
        throw new Error('cut off')
      }
      const there = letters.get(`${letter.load}/${letter.chunk}`)
      if (there?.lastSequenceNumber !== known?.lastSequenceNumber) throw new Error('another one is there')
      letters.set(`${letter.load}/${letter.chunk}`, letter)
    },
    failLoad: async (_id, { problem }) => {
      seen.failed.push(`${problem.code} ${problem.errors?.map((e) => e.pointer).join()}`)
      state = 'failed'
    },
    countUnreadable: (key, record, why) => void seen.unreadable.push(`${key.split('/')[0]} ${record}: ${why}`),
    countDead: (dead) => {
      seen.dead += dead.length
    },
    now: () => exampleNow,
  })
  return {
    seen,
    letter: (chunk: number) => letters.get(`${load.id}/${chunk}`),
    state: () => state,
    reopen: () => {
      state = 'loading'
    },
    put: (object: StoredLetters) => {
      objects.set(object.key, object)
      return note(object.key)
    },
  }
}
const record = (chunk: number, sequenceNumber: string, more: Parameters<typeof exampleEnvelope>[0] = {}) =>
  recordOf(exampleEnvelope({ chunk, lane: 3, ...more }), sequenceNumber)

test('every envelope that Lambda gave up is noted where it lies, and its load fails once', async () => {
  const { put, letter, seen, state } = world()
  const object = givenUp([record(0, '100'), record(4, '101')])
  await put(object)
  await put(object)
  assert.deepEqual(seen, { failed: ['dead-letter /chunks/0,/chunks/4'], unreadable: [], dead: 2 })
  assert.equal(state(), 'failed')
  const { object: key, record: n, reason, sequenceNumber, partitionKey, arrivedAt, lane, rows } = letter(4)!
  assert.deepEqual(
    [key, n, reason, sequenceNumber, partitionKey, arrivedAt, lane, rows],
    [object.key, 1, 'RetryAttemptsExhausted', '101', 'flights/3', '2026-01-02T03:03:20.000Z', 3, 1],
  )
})

test('a record that load-records set aside is noted with its reason', async () => {
  const { put, letter, seen } = world()
  await put(setAside(record(0, '7'), 'row-counts-differ'))
  assert.deepEqual([letter(0)?.reason, letter(0)?.sequenceNumber, seen.dead], ['row-counts-differ', '7', 1])
})

test('a chunk that is in the table after all is no dead letter', async () => {
  const { put, letter, seen } = world({ committed: [1] })
  await put(givenUp([record(1, '5'), record(2, '6')]))
  assert.deepEqual([letter(1), letter(2)?.chunk, seen.failed], [undefined, 2, ['dead-letter /chunks/2']])
})

test('set aside again after a replay it fails its load again and keeps its place in the order', async () => {
  const { put, letter, seen, reopen, state } = world()
  const first = givenUp([record(0, '99')])
  await put(first)
  reopen()
  await put(first)
  assert.equal(state(), 'loading', 'the old event, late, fails nothing')
  const second = givenUp([record(0, '100')], '2')
  await put(second)
  assert.deepEqual([state(), seen.failed.length], ['failed', 2])
  const { object, sequenceNumber, lastSequenceNumber } = letter(0)!
  assert.deepEqual([object, sequenceNumber, lastSequenceNumber], [second.key, '99', '100'])
  reopen()
  await put(first)
  await put(second)
  assert.equal(state(), 'loading')
})

test('what was sent again out of the stream, and is set aside for the first time then, keeps the place that it had', async () => {
  const { put, letter } = world()
  const replay = { position: '99', arrivedAt: '2026-01-01T00:00:00.000Z', allowOlderRows: false }
  await put(setAside(record(0, '1000', { replay }), 'older-rows'))
  const placeOf = ({ sequenceNumber, arrivedAt, lastSequenceNumber }: DeadLetter) => [sequenceNumber, arrivedAt, lastSequenceNumber]
  assert.deepEqual(placeOf(letter(0)!), ['99', replay.arrivedAt, '1000'])
  await put(setAside(record(0, '1001', { replay }), 'older-rows'))
  assert.deepEqual(placeOf(letter(0)!), ['99', replay.arrivedAt, '1001'])
})

test('of a chunk that the door had sent twice the earlier place counts', async () => {
  const { put, letter, seen } = world()
  await put(givenUp([record(0, '1000')]))
  await put(givenUp([record(0, '999')], '2'))
  assert.deepEqual([letter(0)?.sequenceNumber, letter(0)?.lastSequenceNumber, seen.failed.length], ['999', '1000', 1])
})

test('cut off between the load and its letters, it all comes again', async () => {
  const { put, letter, seen } = world({ cut: 4 })
  const object = givenUp([record(0, '1'), record(4, '2')])
  await assert.rejects(put(object), /cut off/)
  assert.deepEqual([letter(0)?.chunk, letter(4)], [0, undefined])
  await put(object)
  assert.equal(letter(4)?.chunk, 4)
  assert.deepEqual(seen.failed, ['dead-letter /chunks/0,/chunks/4', 'dead-letter /chunks/4'])
})

test('what cannot be read is counted and hinders nothing', async () => {
  const { put, letter, seen } = world()
  const newer = exampleEnvelope()
  newer[2] = 9
  await put(
    givenUp([
      recordOf(Buffer.from('{"id":1}'), '1'),
      recordOf(newer, '2'),
      record(3, '3', { load: `ld_${'1'.repeat(26)}` }),
      record(5, '4'),
    ]),
  )
  await put(givenUp([record(6, '5', { tenant: 'other' })], '2'))
  assert.equal(letter(5)?.chunk, 5)
  assert.equal(seen.unreadable.length, 4)
  for (const [n, why] of [/no envelope/, /version 9/, /not known/, /none of load/].entries()) assert.match(seen.unreadable[n]!, why)
})

for (const [what, object] of Object.entries<StoredLetters>({
  'no JSON': { key: 'aws/lambda/u/s/x', body: Buffer.from('{'), metadata: {} },
  'a record without its batch': { key: 'aws/lambda/u/s/x', body: Buffer.from('{"requestContext":{}}'), metadata: {} },
  'a batch that was cut': { key: 'aws/lambda/u/s/x', body: Buffer.from('{"payload":"{\\"Records\\":[{"}'), metadata: {} },
  'records without data': {
    key: 'aws/lambda/u/s/x',
    body: Buffer.from('{"payload":"{\\"Records\\":[{\\"kinesis\\":{}}]}"}'),
    metadata: {},
  },
  'a record without its place': { key: 'envelopes/acme/flights/x/1-1', body: exampleEnvelope(), metadata: { reason: 'x' } },
  'something put there by hand': { key: 'hello.txt', body: Buffer.from('hello'), metadata: {} },
}))
  test(`${what} is kept and counted`, async () => {
    const { put, seen } = world()
    await put(object)
    assert.deepEqual([seen.unreadable.length, seen.failed], [1, []])
  })

test('a note about an object, and an object that is gone, are nothing to note', async () => {
  const { put, seen } = world()
  await put({ key: 'objects/acme/flights/x.json', body: Buffer.from('{}'), metadata: {} })
  assert.deepEqual(seen, { failed: [], unreadable: [], dead: 0 })
})

test('a chunk that the table has with another text is not sent again: it is counted', async () => {
  const { put, letter, seen } = world({ committed: [0] })
  await put(setAside(record(0, '8'), 'chunk-conflict'))
  assert.deepEqual([letter(0), seen.failed, seen.unreadable.length], [undefined, [], 1])
})

test('an object is read once, however many of its letters are asked for', () => {
  const object = givenUp([record(0, '1'), record(1, '2')])
  assert.equal(recordIn(object, { record: 1 })?.sequenceNumber, '2')
  assert.equal(recordIn(object, { record: 1 }), recordIn(object, { record: 1 }))
  assert.equal(recordIn(object, { record: 2 }), undefined)
})
