import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadError } from '#core/errors.ts'
import type { Load } from '#core/loads/load.ts'
import { createEndLoad } from '../../../functions/end-load/end-load.ts'
import { exampleLoad } from '../../support/example-load.ts'

function world(...loads: readonly Load[]) {
  const committed = new Set<number>()
  const failed: [string, LoadError][] = []
  const kept: [string, string][] = []
  const endLoad = createEndLoad({
    getLoad: async (id) => loads.find((load) => load.id === id),
    isCommitted: async (_id, chunk) => committed.has(chunk),
    failLoad: async (id, error) => void failed.push([id, error]),
    keepMessage: async (messageId, _body, reason) => void kept.push([messageId, reason]),
    countGivenUp: () => undefined,
  })
  return { endLoad, failed, kept, committed }
}
const job = (load: string) => JSON.stringify({ tenant: 'acme', load, chunk: 3, mode: 'range' })

test('a load whose work was given up ends as failed, and says what was last known', async () => {
  const waiting = { code: 'retrying', detail: 'A try failed: disk full', since: '2026-01-01T00:00:00.000Z' } as const
  const { endLoad, failed } = world(exampleLoad({ id: 'ld_a', state: 'loading', waiting }))
  await endLoad('m', job('ld_a'))
  const [id, { problem }] = failed[0]!
  assert.deepEqual([id, problem.code], ['ld_a', 'dead-letter'])
  assert.match(problem.detail, /^Chunk 3 was tried .* A try failed: disk full .*millrace replay ld_a/)
})

test('messages of the plan queue end their loads too: an object that S3 announced, and a replay', async () => {
  const { endLoad, failed } = world(
    exampleLoad({ id: 'ld_a', state: 'receiving', objectKey: 'acme/flights/ld_a' }),
    exampleLoad({ id: 'ld_b', state: 'loading' }),
  )
  await endLoad('m', JSON.stringify({ Records: [{ s3: { object: { key: 'acme/flights/ld_a', size: 1 } } }] }))
  await endLoad('m', JSON.stringify({ replay: 'ld_b' }))
  assert.deepEqual(
    failed.map(([id, { problem }]) => [id, problem.code]),
    [
      ['ld_a', 'dead-letter'],
      ['ld_b', 'dead-letter'],
    ],
  )
})

test('a load that has ended stays as it is; what belongs to no load is kept', async () => {
  const { endLoad, failed, kept } = world(exampleLoad({ id: 'ld_a', state: 'complete' }), exampleLoad({ id: 'ld_b', state: 'failed' }))
  for (const body of [job('ld_a'), job('ld_b'), job('ld_c'), 'no json', '{}']) await endLoad('m', body)
  assert.deepEqual(failed, [])
  assert.deepEqual(
    kept.map(([, reason]) => reason),
    ['its load ld_c is not known, or no longer', 'it is no message of this queue', 'it is no message of this queue'],
  )
})

test('a chunk that is committed ends nothing while others are to come; when none is, nobody else would end the load', async () => {
  const load = exampleLoad({ id: 'ld_a', state: 'loading', planned: 9, committed: 4 })
  const early = world(load)
  early.committed.add(3)
  await early.endLoad('m', job('ld_a'))
  assert.deepEqual(early.failed, [])
  const late = world({ ...load, committed: 9 })
  late.committed.add(3)
  await late.endLoad('m', job('ld_a'))
  assert.equal(late.failed.length, 1)
})

test('a message that only has the name of a load does not end it, and is kept', async () => {
  const { endLoad, failed, kept } = world(exampleLoad({ id: 'ld_a', state: 'loading', objectKey: 'acme/flights/ld_a' }))
  await endLoad('m', JSON.stringify({ tenant: 'other', load: 'ld_a', chunk: 3, mode: 'range' }))
  await endLoad('m', JSON.stringify({ Records: [{ s3: { object: { key: 'other/flights/ld_a', size: 1 } } }] }))
  assert.deepEqual([failed.length, kept.length], [0, 2])
})
