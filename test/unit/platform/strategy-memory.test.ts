import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StrategyMemory } from '#platform/postgres/strategy-memory.ts'
import { items, latest } from '../../support/items.ts'

const met = (loaded: number, duplicate = 0, code?: 'invalid-json' | 'sqlstate-23514' | 'dropped-by-table') => ({
  received: loaded + duplicate + (code ? 1 : 0),
  loaded,
  rejected: code ? 1 : 0,
  rejects: code ? [{ code, column: null, rows: 1 }] : [],
})

test('a chunk begins on the strategy that fits what the last one of its load met, else of its dataset', () => {
  const strategies = new StrategyMemory()
  assert.deepEqual([strategies.first(items, 'a'), strategies.first(latest, 'a')], ['direct', 'staged'])
  const after = (...what: Parameters<typeof met>) => {
    strategies.learn(items, 'a', met(...what))
    return strategies.first(items, 'a')
  }
  assert.deepEqual(
    [after(9, 1), after(10), after(9, 0, 'invalid-json'), after(9, 0, 'sqlstate-23514'), after(9, 0, 'dropped-by-table'), after(0, 10)],
    ['probed', 'direct', 'direct', 'staged', 'staged', 'probed'],
  )
  strategies.learn(items, 'b', met(10))
  assert.deepEqual(
    [strategies.first(items, 'a'), strategies.first(items, 'b'), strategies.first(items, 'c')],
    ['probed', 'direct', 'direct'],
  )
  strategies.learn(latest, 'd', met(9, 1))
  assert.equal(strategies.first(latest, 'd'), 'staged')
  strategies.learn(latest, 'd', met(10))
  assert.equal(strategies.first(latest, 'd'), 'direct')
})
