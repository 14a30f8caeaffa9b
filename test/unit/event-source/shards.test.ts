import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failed, prepareRun, responded } from '../../support/event-source-run.ts'

const second = 1_000
type Run = ReturnType<typeof prepareRun>
const seen = (run: Run) => run.calls.flatMap(({ data }) => data)

test('TRIM_HORIZON: everything the stream has', async () => {
  const run = prepareRun()
  run.stream.put('a', 'before')
  await run.pass(second)
  run.start()
  await run.pass(second)
  run.stream.put('a', 'after')
  await run.pass(2 * second)
  assert.deepEqual(seen(run), ['before', 'after'])
})

test('LATEST: what is put from now on, also in shards that come later', async () => {
  const run = prepareRun({ mapping: { startingPosition: { at: 'latest' } } })
  run.stream.put('a', 'before')
  await run.pass(second)
  run.start()
  await run.pass(second)
  run.stream.put('a', 'after')
  run.stream.split('shardId-000000000000')
  for (let i = 0; i < 10; i++) run.stream.put(`key ${i}`, `child ${i}`)
  await run.pass(60 * second)
  assert.deepEqual(seen(run).sort(), ['after', ...Array.from({ length: 10 }, (_, i) => `child ${i}`)])
})

test('LATEST: killed before its first checkpoint of a record, it begins where it began', async () => {
  const run = prepareRun({ mapping: { startingPosition: { at: 'latest' } } })
  run.stream.put('a', 'before')
  await run.pass(second)
  run.start()
  await run.pass(second)
  await run.stop()
  run.stream.put('a', 'between')
  run.start()
  await run.pass(2 * second)
  assert.deepEqual(seen(run), ['between'])
})

test('AT_TIMESTAMP: what arrived at that moment or later', async () => {
  const time = Date.parse('2026-01-01T00:00:02Z')
  const run = prepareRun({ mapping: { startingPosition: { at: 'timestamp', time } } })
  for (let i = 0; i < 5; i++) {
    run.stream.put('a', `${i}`)
    await run.pass(second)
  }
  run.start()
  await run.pass(second)
  assert.deepEqual(seen(run), ['2', '3', '4'])
})

test('a split: no record of a child is delivered before the last of its parent is done', async () => {
  let broken = true
  const run = prepareRun({ handle: () => (broken ? failed() : responded()) })
  for (let i = 0; i < 10; i++) run.stream.put(`key ${i}`, `parent ${i}`)
  run.start()
  await run.pass(second)
  run.stream.split('shardId-000000000000')
  for (let i = 0; i < 10; i++) run.stream.put(`key ${i}`, `child ${i}`)
  await run.pass(300 * second)
  assert.ok(run.calls.every(({ data }) => data.every((text) => text.startsWith('parent'))))
  broken = false
  const before = run.calls.length
  await run.pass(60 * second)
  const after = run.calls.slice(before)
  assert.equal(after[0]?.data.length, 10)
  assert.deepEqual(
    after
      .slice(1)
      .flatMap(({ data }) => data)
      .sort(),
    Array.from({ length: 10 }, (_, i) => `child ${i}`),
  )
})

test('a merge: no record of the child is delivered before the last of both parents is done', async () => {
  let broken = true
  const run = prepareRun({ stream: { shards: 2 }, handle: ({ data }) => (broken && data.includes('stuck') ? failed() : responded()) })
  run.stream.put('key 0', 'stuck')
  run.start()
  await run.pass(second)
  run.stream.merge('shardId-000000000000', 'shardId-000000000001')
  run.stream.put('key 0', 'child')
  await run.pass(300 * second)
  assert.ok(!seen(run).includes('child'))
  broken = false
  await run.pass(60 * second)
  assert.equal(seen(run).at(-1), 'child')
})

test('a parent that has left the stream is finished', async () => {
  const run = prepareRun()
  run.stream.split('shardId-000000000000')
  const { listShards } = run.stream
  run.stream.listShards = async () => (await listShards()).filter(({ id }) => id !== 'shardId-000000000000')
  run.stream.put('a', 'x')
  run.start()
  await run.pass(second)
  assert.deepEqual(seen(run), ['x'])
})

test('the checkpoint is the last record before which nothing is open: of batches side by side the slowest decides', async () => {
  const run = prepareRun({
    mapping: { parallelization: 10, batchSize: 1 },
    handle: ({ keys }) => (keys[0] === 'slow' ? failed() : responded()),
  })
  const first = run.stream.put('key 1', '0')
  run.stream.put('slow', '1')
  for (let i = 2; i < 20; i++) run.stream.put(`key ${i}`, `${i}`)
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(run.checkpoint()?.shards['shardId-000000000000'], {
    state: 'reading',
    position: { from: 'after', sequenceNumber: first },
  })
})

test('stopped and started again it goes on after its checkpoint', async () => {
  const run = prepareRun()
  for (const i of '01') run.stream.put('a', i)
  run.start()
  await run.pass(second)
  await run.stop()
  for (const i of '23') run.stream.put('a', i)
  run.start()
  await run.pass(second)
  assert.deepEqual(seen(run), ['0', '1', '2', '3'])
})

test('a stop awaits the invocation that is under way, and keeps what it said', async () => {
  const run = prepareRun({
    handle: async () => {
      await run.clock.sleep(10 * second, new AbortController().signal)
      return responded()
    },
  })
  run.stream.put('a', '0')
  run.start()
  await run.pass(second)
  await run.stop()
  run.start()
  await run.pass(60 * second)
  assert.deepEqual(seen(run), ['0'])
})

test('a stream that cannot be read or listed for a while is read when it can', async () => {
  let away = true
  const run = prepareRun({
    stream: {
      fault: () => {
        if (away) throw new Error('connection refused')
      },
    },
  })
  run.stream.put('a', '0')
  run.start()
  await run.pass(20 * second)
  away = false
  await run.pass(60 * second)
  assert.deepEqual(seen(run), ['0'])
  assert.ok(run.lines.some((line) => line.includes('connection refused')))
})

test('a filter: what does not match is passed over, and the checkpoint with it', async () => {
  const run = prepareRun({ mapping: { filters: ['{"data":{"kind":["wanted"]}}'], windowMs: second } })
  run.stream.put('a', '{"kind":"other"}')
  const wanted = run.stream.put('a', '{"kind":"wanted"}')
  const last = run.stream.put('a', 'not JSON')
  run.start()
  await run.pass(10 * second)
  assert.deepEqual(
    run.calls.map(({ sequenceNumbers }) => sequenceNumbers),
    [[wanted]],
  )
  assert.deepEqual(run.checkpoint()?.shards['shardId-000000000000'], {
    state: 'reading',
    position: { from: 'after', sequenceNumber: last },
  })
})
