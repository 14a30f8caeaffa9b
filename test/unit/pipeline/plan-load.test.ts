import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChunkJob, type ChunkPlan, chunkMode, parseChunkJob, planChunks } from '#core/loads/chunk.ts'
import type { FileLoad } from '#core/loads/load.ts'
import { parsePlanMessage } from '#core/loads/plan-message.ts'
import type { Encoding } from '#core/rows/encoding.ts'
import { datasets } from '#datasets'
import { createPlanLoad } from '../../../functions/plan-load/plan-load.ts'

const mebibyte = 1024 * 1024
const flights = datasets.get('flights')!
const events = datasets.get('events')!

function world(change: Partial<FileLoad> = {}, head = '{"', more: { text?: string; owner?: string | undefined } = {}) {
  const { text, owner } = { text: change.format === 'csv' ? 'id' : '{"', owner: 'ld_1', ...more }
  let load = {
    id: 'ld_1',
    tenant: 'acme',
    dataset: 'flights',
    door: 'file',
    state: 'loading',
    objectKey: 'acme/flights/ld_1',
    size: 40 * mebibyte,
    format: 'ndjson',
    compression: 'none',
    uploadedCrc32: '00000000',
    traceparent: 'trace',
    ...change,
  } as FileLoad
  const seen = { jobs: [] as ChunkJob[], failed: [] as string[], orphans: [] as string[], plans: [] as (ChunkPlan & Encoding)[] }
  const planLoad = createPlanLoad({
    getLoad: async (id) => (id === load.id ? load : undefined),
    findDataset: (name) => datasets.get(name),
    findObject: async () => (owner === 'nobody' ? undefined : { size: load.size, load: owner }),
    sniff: async () => Buffer.from(head, 'latin1'),
    sniffText: async () => Buffer.from(text),
    startLoad: async (_id, plan) => {
      seen.plans.push(plan)
      if (load.chunkSize === undefined && ['receiving', 'loading'].includes(load.state))
        load = { ...load, ...plan, state: 'loading' } as FileLoad
      return load
    },
    reopenLoad: async () => {
      if (load.state === 'failed' && load.chunkSize !== undefined) load = { ...load, state: 'loading' }
      return load
    },
    failLoad: async (_id, error) => void seen.failed.push(error.problem.code),
    sendChunks: async (jobs) => void seen.jobs.push(...jobs),
    noteOrphan: async (key, reason) => void seen.orphans.push(`${key}: ${reason}`),
  })
  const object = { kind: 'object', key: load.objectKey, size: load.size } as const
  return { planLoad, seen, object }
}

test('a plain file becomes byte ranges; the same event again queues the same chunks', async () => {
  const { planLoad, seen, object } = world({ state: 'receiving' })
  await planLoad(object)
  await planLoad(object)
  assert.deepEqual(
    seen.jobs.slice(0, 10).map((j) => [j.chunk, j.mode, j.tenant]),
    Array.from({ length: 10 }, (_, chunk) => [chunk, 'range', 'acme']),
  )
  assert.deepEqual(seen.jobs.slice(10), seen.jobs.slice(0, 10))
})

test('an object that stands in the place of an upload, and is not its own, is not loaded', async () => {
  for (const owner of ['', 'ld_2'])
    for (const state of ['receiving', 'loading', 'complete'] as const) {
      const { planLoad, seen, object } = world({ state }, '{"', { owner })
      await planLoad(object)
      assert.deepEqual([seen.jobs, seen.plans, seen.failed, seen.orphans.length], [[], [], [], 1])
    }
})

for (const [name, change, head] of [
  ['gzip', { compression: 'gzip' }, '\x1f\x8b'],
  ['zstd', { compression: 'zstd' }, '\x28\xb5\x2f\xfd'],
  ['CSV of one chunk', { format: 'csv', size: 1000 }, 'id'],
  ['policy update', { dataset: 'events' }, '{"'],
] as const)
  test(`${name} is one sequence`, async () => {
    const { planLoad, seen, object } = world(change, head)
    await planLoad(object)
    assert.deepEqual(
      seen.jobs.map((j) => [j.chunk, j.mode]),
      [[0, 'sequence']],
    )
  })

for (const [code, change, head, size] of [
  ['size-mismatch', {}, '{"', 39 * mebibyte],
  ['compression-mismatch', {}, '\x1f\x8b', 40 * mebibyte],
  ['compression-mismatch', { compression: 'gzip' }, '{"', 40 * mebibyte],
  ['compression-mismatch', { compression: 'gzip' }, '\x28\xb5\x2f\xfd', 40 * mebibyte],
  ['compression-mismatch', { compression: 'zstd' }, '\x1f\x8b', 40 * mebibyte],
  ['dataset-not-found', { dataset: 'gone' }, '{"', 40 * mebibyte],
] as const)
  test(`${code} ${JSON.stringify(change)} fails the load and queues nothing`, async () => {
    const { planLoad, seen, object } = world(change, head)
    await planLoad({ ...object, size })
    assert.deepEqual([seen.failed, seen.jobs], [[code], []])
  })

for (const [text, format] of [
  ['{"id":1}', 'ndjson'],
  ['\ufeff \r\n\t{"id":1}', 'ndjson'],
  ['  [\n{', 'json'],
  ['[]', 'json'],
  ['id,name\n', 'csv'],
  ['"id"', 'csv'],
  ['\n \n', 'ndjson'],
  ['PAR1,PAR2\n', 'csv'],
] as const)
  for (const [head, compression] of [
    ['{"', 'none'],
    ['\x1f\x8b', 'gzip'],
    ['\x28\xb5\x2f\xfd', 'zstd'],
    ['\x51\x2a\x4d\x18', 'zstd'],
  ] as const)
    test(`what was not declared is found: ${JSON.stringify(text)} in ${compression} is ${format}`, async () => {
      const { planLoad, seen, object } = world({ format: 'auto', compression: 'auto' }, head, { text })
      await planLoad(object)
      assert.deepEqual([seen.plans[0]?.format, seen.plans[0]?.compression], [format, compression])
      assert.ok(seen.jobs.length > 0)
    })

for (const [format, text, code] of [
  ['ndjson', ' [\n {"id":1}', 'format-mismatch'],
  ['json', '{"id":1}', 'format-mismatch'],
  ['json', 'id,name', 'format-mismatch'],
  ['csv', '{"id":1}', 'format-mismatch'],
  ['csv', '[{"id":1}]', 'format-mismatch'],
  ['csv', 'PAR1\x15\x04', 'format-mismatch'],
  ['parquet', '{"id":1}', 'format-mismatch'],
  ['parquet', 'PAR1\x15\x04', undefined],
  ['auto', 'PAR1\x15\x04', undefined],
  // one bad row in front is a bad row, not another format
  ['ndjson', '[1,2]\n{"id":1}', undefined],
  ['ndjson', 'x\n{"id":1}', undefined],
  ['json', '\ufeff [1', undefined],
  ['csv', '1,{', undefined],
] as const)
  test(`declared ${format}, begins with ${JSON.stringify(text)}: ${code ?? 'taken'}`, async () => {
    const { planLoad, seen, object } = world({ format }, '{"', { text })
    await planLoad(object)
    assert.deepEqual(seen.failed, code ? [code] : [])
  })

for (const [name, change, key] of [
  ['of no load', {}, 'acme/flights/ld_2'],
  ['under a load’s name in another folder', {}, 'other/flights/ld_1'],
  ['whose upload was not completed', { state: 'receiving', uploadedCrc32: undefined }, 'acme/flights/ld_1'],
  ['whose load was aborted', { state: 'aborted' }, 'acme/flights/ld_1'],
] as const)
  test(`an object ${name} is noted and not loaded`, async () => {
    const { planLoad, seen, object } = world(change as Partial<FileLoad>)
    await planLoad({ ...object, key })
    assert.equal(seen.orphans.length, 1)
    assert.deepEqual(seen.jobs, [])
  })

test('a load that has ended is not planned again, unless it failed and is replayed', async () => {
  const ended = world({ state: 'complete', chunkSize: 16 * mebibyte, planned: 3 })
  await ended.planLoad(ended.object)
  await ended.planLoad({ kind: 'replay', load: 'ld_1' })
  assert.deepEqual(ended.seen.jobs, [])
  const failed = world({ state: 'failed', chunkSize: 20 * mebibyte, planned: 2 })
  await failed.planLoad(failed.object)
  assert.deepEqual(failed.seen.jobs, [])
  await failed.planLoad({ kind: 'replay', load: 'ld_1' })
  assert.equal(failed.seen.jobs.length, 2)
})

test('the plan: even chunks, small files few, a terabyte under 10,000, never above 256 MiB a chunk', () => {
  const plain = { format: 'ndjson', compression: 'none' } as const
  assert.deepEqual(planChunks(plain, 1), { chunkSize: 1, planned: 1 })
  assert.deepEqual(planChunks(plain, 4 * mebibyte), { chunkSize: 4 * mebibyte, planned: 1 })
  assert.deepEqual(planChunks(plain, 4 * mebibyte + 2), { chunkSize: 2 * mebibyte + 1, planned: 2 })
  assert.deepEqual(planChunks(plain, 160 * mebibyte), { chunkSize: 10 * mebibyte, planned: 16 })
  assert.deepEqual(planChunks(plain, 257 * mebibyte), { chunkSize: Math.ceil((257 * mebibyte) / 32), planned: 32 })
  assert.equal(planChunks({ ...plain, format: 'parquet' }, 13 * mebibyte).planned, 13)
  for (const size of [3e6, 7e7, 1e9, 1e12, 50e12]) {
    const { chunkSize, planned } = planChunks(plain, size)
    assert.ok((planned! - 1) * chunkSize < size && size <= planned! * chunkSize, `${size}`)
  }
  assert.ok(planChunks(plain, 1e12).planned! <= 10_000)
  assert.equal(planChunks(plain, 50e12).chunkSize, 256 * mebibyte)
  assert.deepEqual(planChunks({ ...plain, compression: 'gzip' }, 1e9), { chunkSize: 16 * mebibyte, planned: undefined })
  assert.equal(chunkMode(flights, plain, 3), 'range')
  assert.equal(chunkMode(flights, { ...plain, format: 'csv' }, 3), 'edges')
  assert.equal(chunkMode(events, plain, 3), 'sequence')
})

test('messages of the plan queue are read strictly', () => {
  const event = { Records: [{ s3: { object: { key: 'a+b/c%20d', size: 7 } } }] }
  assert.deepEqual(parsePlanMessage(JSON.stringify(event)), [{ kind: 'object', key: 'a b/c d', size: 7 }])
  assert.deepEqual(parsePlanMessage('{"Event":"s3:TestEvent"}'), [])
  assert.deepEqual(parsePlanMessage('{"replay":"ld_1"}'), [{ kind: 'replay', load: 'ld_1' }])
  for (const bad of ['', 'null', '{}', '{"replay":1}', '{"Records":[{}]}', '{"Records":[{"s3":{"object":{"key":"%","size":1}}}]}'])
    assert.equal(parsePlanMessage(bad), undefined, bad)
})

test('chunk jobs survive their queue, and nothing else passes for one', () => {
  const job: ChunkJob = { tenant: 'acme', load: 'ld_1', chunk: 3, mode: 'range' }
  assert.deepEqual(parseChunkJob(JSON.stringify(job)), job)
  for (const bad of ['', '[]', '{"load":"x"}', JSON.stringify({ ...job, chunk: 1.5 }), JSON.stringify({ ...job, mode: 'all' })])
    assert.equal(parseChunkJob(bad), undefined)
})

test('a load that has no plan yet is planned when it is replayed: an object loaded once more, or an event that was lost', async () => {
  for (const change of [{ id: 'ld_2', source: 'ld_1' }, {}]) {
    const { planLoad, seen } = world(change)
    await planLoad({ kind: 'replay', load: 'ld_1' })
    assert.deepEqual([seen.plans.length, seen.jobs.length > 0, seen.failed], [1, true, []])
  }
})

test('planned on demand it fails when its object is gone, is another one, or has another size', async () => {
  const failing = async (more: object, change: object = {}) => {
    const { planLoad, seen } = world(change, '{"', more)
    await planLoad({ kind: 'replay', load: 'ld_1' })
    assert.equal(seen.jobs.length, 0)
    return seen.failed
  }
  assert.deepEqual(await failing({ owner: 'nobody' }), ['object-missing'])
  assert.deepEqual(await failing({ owner: undefined }), ['object-changed'])
  assert.deepEqual(await failing({ owner: 'ld_1' }, { source: 'ld_0' }), ['object-changed'])
})
