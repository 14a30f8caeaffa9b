import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OrderPlace, OrderQuestion } from '#core/batches/order.ts'
import { AccountingError } from '#core/errors.ts'
import { datasets } from '#datasets'
import { createCheckOrder } from '../../../functions/check-order/check-order.ts'
import { exampleEnvelope, givenUp, recordOf } from '../../support/dead-letters.ts'

const broken = Buffer.from(exampleEnvelope({ chunk: 1 }))
broken[broken.length - 1]! ^= 1
const object = givenUp([recordOf(exampleEnvelope(), '1'), recordOf(broken, '2'), recordOf(exampleEnvelope({ chunk: 2, rows: 5 }), '3')])
const letter = (chunk: number, more: object = {}) => ({
  ...{ load: 'ld_1', chunk, position: String(chunk + 1), arrivedAt: '2026-01-01T00:00:00.000Z', object: object.key, record: chunk },
  ...more,
})

function check(question: OrderQuestion) {
  const asked: OrderPlace[] = []
  const read: string[] = []
  const answer = createCheckOrder({
    findDataset: (name) => datasets.get(name),
    readLetters: async (key) => {
      read.push(key)
      return key === object.key ? object : undefined
    },
    wouldPutOver: async (_dataset, place, { read }) => {
      asked.push(place)
      const { received } = await read({ write: async () => undefined, refuse: () => undefined, flush: async () => undefined }, true, 0)
      return { rows: received, keys: ['[1]'] }
    },
    hasCommitsSince: async (dataset, load, since) => `${dataset} ${load} ${since}` === 'events ld_1 then',
  })(question)
  return { answer, asked, read }
}

test('each chunk is looked at with its place, each object read once; what cannot be read is said', async () => {
  const letters = [letter(0), letter(1), letter(2), letter(3), letter(4, { object: 'aws/lambda/gone' })]
  const { answer, asked, read } = check({ kind: 'deadLetters', dataset: 'flights', deadLetters: letters })
  assert.deepEqual(await answer, { older: [{ chunk: 0, rows: 1, keys: ['[1]'] }], newer: false, unreadable: [1, 2, 3, 4] })
  assert.deepEqual(
    asked.map(({ chunk, position }) => [chunk, position]),
    [
      [0, '1'],
      [2, '3'],
    ],
  )
  assert.deepEqual(read, [object.key, 'aws/lambda/gone'])
})

test('of a file it is told whether anything came since', async () => {
  assert.equal((await check({ kind: 'since', dataset: 'events', load: 'ld_1', since: 'then' }).answer).newer, true)
  assert.equal((await check({ kind: 'since', dataset: 'events', load: 'ld_2', since: 'then' }).answer).newer, false)
})

test('an outage, and a dataset that is not there, are no answers', async () => {
  await assert.rejects(check({ kind: 'since', dataset: 'nothing', load: 'ld_1', since: 'then' }).answer, /no dataset/)
  const away = createCheckOrder({
    findDataset: (name) => datasets.get(name),
    readLetters: async () => object,
    wouldPutOver: () => Promise.reject(new Error('away')),
    hasCommitsSince: async () => false,
  })
  await assert.rejects(
    away({ kind: 'deadLetters', dataset: 'flights', deadLetters: [letter(0)] }),
    (error) => !(error instanceof AccountingError),
  )
})
