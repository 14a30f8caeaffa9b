import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sendRecords } from '#platform/stream.ts'
import { refusingKinesis } from '../../support/refusing-kinesis.ts'

const record = (chunk: number, partitionKey: string, data = String(chunk)) => ({ chunk, partitionKey, data: Buffer.from(data) })
const all = (records: readonly unknown[]) => records.map(() => true)
const forever = () => Number.POSITIVE_INFINITY
const atOnce = async () => undefined

test('what is refused is sent again, and nothing else; each key keeps its order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(4), { maxLength: 30 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
      async (keys, luck) => {
        let turn = 0
        // Every third is taken in any case, so that it ends.
        await using kinesis = await refusingKinesis((records) => records.map(() => turn++ % 3 === 0 || luck[turn % luck.length]!))
        const records = keys.map((key, chunk) => record(chunk, `k${key}`))
        const acknowledged = await sendRecords(kinesis.stream, atOnce)(records, forever)
        assert.deepEqual(
          [...acknowledged].sort((a, b) => a - b),
          keys.map((_, chunk) => chunk),
        )
        for (const key of new Set(keys)) {
          const sent = kinesis.taken.filter((r) => r.key === `k${key}`).map((r) => Number(r.data))
          assert.deepEqual(
            sent,
            keys.flatMap((k, chunk) => (k === key ? [chunk] : [])),
          )
        }
        assert.equal(kinesis.taken.length, keys.length)
      },
    ),
    { numRuns: 25 },
  )
})

test('records of one key never go in one call', async () => {
  await using kinesis = await refusingKinesis(all)
  await sendRecords(kinesis.stream)([record(0, 'a'), record(1, 'a'), record(2, 'b'), record(3, 'a')], forever)
  assert.deepEqual(
    kinesis.calls.map((call) => call.map((r) => r.data)),
    [['0', '2'], ['1'], ['3']],
  )
})

test('a call has 500 records and 4 MiB at most', async () => {
  await using kinesis = await refusingKinesis(all)
  await sendRecords(kinesis.stream)(
    Array.from({ length: 1201 }, (_, i) => record(i, `k${i}`)),
    forever,
  )
  assert.deepEqual(
    kinesis.calls.map((call) => call.length),
    [500, 500, 201],
  )
  await using large = await refusingKinesis(all)
  await sendRecords(large.stream)(
    Array.from({ length: 9 }, (_, i) => record(i, `k${i}`, 'x'.repeat(1024 * 1024 - 64))),
    forever,
  )
  assert.deepEqual(
    large.calls.map((call) => call.length),
    [4, 4, 1],
  )
})

test('a call that is throttled, fails or gets no answer is made again, after waits that may grow', async () => {
  const answers = [
    { status: 400, type: 'ProvisionedThroughputExceededException' },
    { status: 400, type: 'KMSThrottlingException' },
    { status: 500, type: 'InternalFailureException' },
    { status: 503, type: 'ServiceUnavailable' },
    'hang up',
  ] as const
  await using kinesis = await refusingKinesis((records, call) => answers[call - 1] ?? all(records))
  const waits: number[] = []
  const send = sendRecords(kinesis.stream, async (ms) => waits.push(ms))
  assert.deepEqual(await send([record(0, 'a'), record(1, 'b')], forever), new Set([0, 1]))
  assert.equal(kinesis.calls.length, answers.length + 1)
  assert.equal(waits.length, answers.length)
  for (const [i, ms] of waits.entries()) assert.ok(ms >= 0 && ms <= 50 * 2 ** i, `wait ${i}: ${ms}`)
})

test('what no waiting mends is thrown', async () => {
  await using kinesis = await refusingKinesis(() => ({ status: 400, type: 'ResourceNotFoundException' }))
  await assert.rejects(sendRecords(kinesis.stream)([record(0, 'a')], forever), { name: 'ResourceNotFoundException' })
  assert.equal(kinesis.calls.length, 1)
})

test('when the time is over, it says what was acknowledged, and begins no call', async () => {
  await using kinesis = await refusingKinesis((records) => records.map(({ key }) => key !== 'hot'))
  const acknowledged = await sendRecords(kinesis.stream)([record(0, 'a'), record(1, 'hot'), record(2, 'hot'), record(3, 'b')], () =>
    kinesis.calls.length < 2 ? 60_000 : 0,
  )
  assert.deepEqual(acknowledged, new Set([0, 3]))
  const none = await sendRecords(kinesis.stream)([record(9, 'a')], () => 0)
  assert.deepEqual([none.size, kinesis.taken.length], [0, 2])
})

test('a call that gets no answer is given up with the time that there was for it', { timeout: 5000 }, async () => {
  await using kinesis = await refusingKinesis(() => 'silence')
  const acknowledged = await sendRecords(kinesis.stream)([record(0, 'a')], () => (kinesis.calls.length === 0 ? 300 : 0))
  assert.deepEqual([acknowledged.size, kinesis.calls.length], [0, 1])
})
