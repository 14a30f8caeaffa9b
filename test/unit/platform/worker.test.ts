import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { Context, SQSEvent, SQSRecord } from 'aws-lambda'
import { type HandleMessage, queueHandler } from '#platform/worker.ts'

interface Sent {
  readonly input: { readonly VisibilityTimeout?: number; readonly ReceiptHandle?: string }
}
function queue(fails = false) {
  const hidden: (readonly [handle: string, seconds: number])[] = []
  const send = async ({ input }: Sent) => {
    if (input.VisibilityTimeout === undefined) return { QueueUrl: 'http://queue' }
    if (fails) throw new Error('the handle is no longer valid')
    hidden.push([input.ReceiptHandle!, input.VisibilityTimeout])
    return {}
  }
  return { hidden, sqs: { send } as unknown as SQSClient }
}
const record = (n: number, received = 1): Partial<SQSRecord> => ({
  messageId: `m${n}`,
  receiptHandle: `h${n}`,
  body: '{}',
  eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:chunks',
  attributes: { ApproximateReceiveCount: String(received) } as SQSRecord['attributes'],
})
const context = { getRemainingTimeInMillis: () => 1000 } as Context
const run = (sqs: SQSClient, lease: number | undefined, handle: HandleMessage, ...records: Partial<SQSRecord>[]) =>
  queueHandler(sqs, lease === undefined ? {} : { lease }, handle)({ Records: records } as SQSEvent, context, () => undefined)
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('a message in work is hidden for its lease, again and again, and no longer once the work is done', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { sqs, hidden } = queue()
  const work = Promise.withResolvers<void>()
  const done = run(sqs, 45, () => work.promise, record(1))
  await settle()
  assert.deepEqual(hidden, [['h1', 45]])
  for (let beat = 0; beat < 3; beat++) {
    t.mock.timers.tick(15_000)
    await settle()
  }
  assert.deepEqual(
    hidden,
    [1, 2, 3, 4].map(() => ['h1', 45]),
  )
  work.resolve()
  assert.deepEqual(await done, { batchItemFailures: [] })
  t.mock.timers.tick(60_000)
  await settle()
  assert.equal(hidden.length, 4)
})

test('one that fails comes back soon, later each time; its neighbour is done', async () => {
  const { sqs, hidden } = queue()
  const fail: HandleMessage = async ({ messageId }) => {
    if (messageId === 'm1') throw new Error('no')
  }
  assert.deepEqual(await run(sqs, undefined, fail, record(1, 3), record(2)), { batchItemFailures: [{ itemIdentifier: 'm1' }] })
  assert.deepEqual(hidden, [['h1', 8]])
})

test('a queue that refuses to hide a message changes nothing for its work', async () => {
  assert.deepEqual(await run(queue(true).sqs, 15, async () => undefined, record(1)), { batchItemFailures: [] })
})
