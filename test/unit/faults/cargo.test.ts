import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Cargo, placesOf, rowsIn, rowsOf } from '../../support/faults/files/cargo.ts'
import { Matrix } from '../../support/faults/matrix.ts'
import { batchSteps, fileSteps, nameOf, pairsOf } from '../../support/faults/steps.ts'

const cargo = (first: number, fresh: number, again?: Cargo['again']): Cargo => ({ number: 1, dataset: 'file_firsts', first, fresh, again })

for (const one of [cargo(1, 5321), cargo(777, 12_000, { from: 5, count: 333 }), cargo(1001, 1)])
  test(`where a key's rows stand is where the file of ${one.fresh} keys from ${one.first} on has them`, () => {
    const rows = [...rowsIn(one)]
    assert.equal(rows.length, rowsOf(one))
    const places = new Map(rows.map(({ id, copy }, n) => [`${id} ${copy}`, n]))
    for (let id = 0; id < one.first + one.fresh + 10; id++)
      for (const { n, copy } of placesOf(one, id)) {
        assert.equal(places.get(`${id} ${copy}`), n)
        places.delete(`${id} ${copy}`)
      }
    assert.equal(places.size, 0)
  })

test('every pair of step and fault has a name of its own; one that the list does not have is no fault', () => {
  for (const steps of [fileSteps, batchSteps]) {
    const pairs = pairsOf(steps)
    assert.equal(new Set(pairs.map(nameOf)).size, pairs.length)
    const matrix = new Matrix(pairs)
    matrix.saw(pairs[0]!)
    assert.deepEqual([matrix.count(pairs[0]!), matrix.unseen.length], [1, pairs.length - 1])
    assert.throws(() => matrix.saw({ part: 'load-chunk', step: 'commit', fault: 'sings' }), /no such fault/)
  }
})
