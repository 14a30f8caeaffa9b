import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { wholeNumber } from '../../../localstack/command-line.ts'
import { repository } from '../../../localstack/state-dir.ts'

const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: repository, encoding: 'utf8' })

test('a command says what it cannot understand together with its help, and ends with 2; --help ends with 0', () => {
  for (const [args, why] of [
    [['scripts/bench.ts', 'none'], 'npm run bench: there is no line "none"'],
    [['localstack/start.ts', '--endpoint', 'http://a'], 'npm run local: --endpoint and --database go together'],
    [['localstack/stop.ts', '--none'], "npm run local:stop: Unknown option '--none'"],
  ] as const) {
    const [script] = args
    const help = run(script, '--help')
    assert.deepEqual([help.status, help.stderr], [0, ''], script)
    const refused = run(...args)
    assert.deepEqual([refused.status, refused.stdout], [2, ''], script)
    assert.ok(refused.stderr.startsWith(why), refused.stderr)
    assert.ok(refused.stderr.includes(help.stdout.trim()), script)
  }
})

test('numbers are whole and within bounds, with _ or , between their digits or without', () => {
  assert.deepEqual(
    ['1000', '3_000_000', '3,000,000'].map((text) => wholeNumber('--rows', text, 1000, 3_000_000)),
    [1000, 3_000_000, 3_000_000],
  )
  for (const text of ['', ' ', '999', '3000001', '1000.5', '1e999', 'many'])
    assert.throws(() => wholeNumber('--rows', text, 1000, 3_000_000), /^Error: --rows must be a whole number, 1,000 to 3,000,000$/)
})
