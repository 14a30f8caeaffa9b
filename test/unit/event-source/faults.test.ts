import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runScenario } from '../../support/event-source-scenario.ts'

/**
 * Records, keys, settings, faults, resharding and restarts at random; scenario.check holds what is promised.
 * A failure prints fast-check's seed and path: SEED=... REPLAY_PATH=... runs that case again. RUNS=5000 looks longer.
 */
const never = Number.POSITIVE_INFINITY
const mapping = fc.record({
  batchSize: fc.constantFrom(1, 2, 5, 20, 100),
  windowMs: fc.constantFrom(0, 1_000, 5_000),
  parallelization: fc.integer({ min: 1, max: 4 }),
  maxRetries: fc.constantFrom(0, 1, 3, never),
  maxAgeMs: fc.constantFrom(never, 60_000, 600_000),
  bisect: fc.boolean(),
  reportsItemFailures: fc.boolean(),
})
const often = (most: number) => fc.constantFrom(0, 0, most / 4, most)
const faults = fc.record({
  throws: often(0.4),
  reports: often(0.5),
  throttles: often(0.4),
  timesOut: often(0.2),
  answersNonsense: often(0.2),
  poison: often(0.1),
  sourceFails: often(0.3),
  destinationFails: often(0.5),
  saveFails: often(0.5),
})
const put = fc.record({ kind: fc.constant('put' as const), key: fc.integer({ min: 0, max: 11 }), count: fc.integer({ min: 1, max: 12 }) })
const other = fc.record({ kind: fc.constantFrom('split', 'merge', 'kill', 'stop'), pick: fc.nat(20) })
const step = fc.record({
  afterMs: fc.constantFrom(0, 0, 1, 50, 400, 1_000, 7_000),
  act: fc.oneof({ weight: 5, arbitrary: put }, { weight: 2, arbitrary: other }),
})
const scenario = fc.record({
  seed: fc.integer(),
  shards: fc.integer({ min: 1, max: 3 }),
  pageSize: fc.constantFrom(3, 50, 10_000),
  mapping,
  faults,
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
})

const replay = process.env.SEED ? { seed: Number(process.env.SEED), ...(process.env.REPLAY_PATH && { path: process.env.REPLAY_PATH }) } : {}

test('whatever happens: every record succeeds or is given up by the rules, at least once, and no key gets out of order', async (t) => {
  const sums = { records: 0, invocations: 0, kills: 0, reshards: 0, givenUp: 0 }
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const result = await runScenario(given)
      assert.deepEqual(result.broken, [])
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += result[name]
    }),
    { numRuns: Number(process.env.RUNS ?? 150), ...replay },
  )
  t.diagnostic(JSON.stringify(sums))
  for (const [name, sum] of Object.entries(sums))
    assert.ok(sum > 0 || process.env.SEED, `no ${name} in any run: the generators are at fault`)
})
