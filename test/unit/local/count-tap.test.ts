import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countTap } from '../../../scripts/testing/test-files.ts'

const summary = '1..2\n# tests 9\n# suites 0\n# pass 5\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 0\n# duration_ms 3\n'

test('passed, failed with cancelled, and skipped are counted', () => {
  assert.deepEqual(countTap(summary, 1), { passed: 5, failed: 2, skipped: 2 })
})

test("a test's own output that looks like the summary does not count", () => {
  assert.deepEqual(countTap(`# pass 1000\n# fail 1000\n${summary}`, 1), { passed: 5, failed: 2, skipped: 2 })
})

test('a run that failed without a failed test counts as a failure', () => {
  assert.deepEqual(countTap('', 1), { passed: 0, failed: 1, skipped: 0 })
  assert.equal(countTap(summary.replace('fail 1', 'fail 0').replace('cancelled 1', 'cancelled 0'), 7).failed, 1)
})
