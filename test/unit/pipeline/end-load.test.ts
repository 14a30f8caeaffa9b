import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadError } from '#core/errors.ts'
import type { Load } from '#core/loads/load.ts'
import { createEndLoad } from '../../../functions/end-load/end-load.ts'
import { exampleLoad } from '../../support/example-load.ts'

function world(...loads: readonly Load[]) {
  const failed: [string, LoadError][] = []
  const kept: [string, string][] = []
  const endLoad = createEndLoad({
    findLoad: async (id) => loads.find((load) => load.id === id),
    failLoad: async (id, error) => void failed.push([id, error]),
    keepMessage: async (messageId, _body, reason) => void kept.push([messageId, reason]),
    countGivenUp: () => undefined,
  })
  return { endLoad, failed, kept }
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
  const { endLoad, failed } = world(exampleLoad({ id: 'ld_a', state: 'receiving' }), exampleLoad({ id: 'ld_b', state: 'loading' }))
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
