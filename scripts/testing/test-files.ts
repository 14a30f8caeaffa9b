import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repository } from '../../localstack/state-dir.ts'
import { runChild } from './child.ts'
import { nothing, type Outcome, type Run } from './stage.ts'

/** The folder of a test says what it needs. */
export type Kind = 'unit' | 'infra' | 'pg' | 'aws' | 'e2e' | 'browser'

/** Files side by side. e2e tests start the client's processes and move much data: one at a time on the two cores of a small machine. */
const concurrency: Readonly<Record<Kind, number>> = { unit: 2, infra: 2, pg: 2, aws: 2, e2e: 1, browser: 1 }

/** @param parts of the paths wanted; none means all. */
export const findTests = (kind: Kind, parts: readonly string[]): string[] =>
  globSync(`test/${kind}/**/*.test.ts`, { cwd: repository })
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .sort()

/** Runs test files with node:test and counts. */
export async function runTests(kind: Kind, files: readonly string[], env: Readonly<Record<string, string>>, run: Run): Promise<Outcome> {
  if (files.length === 0) {
    run.say(`There are no tests in test/${kind}.`)
    return process.env.CI ? { ...nothing, failed: 1 } : nothing
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tests-'))
  const tap = join(folder, 'tap')
  const reporters = ['spec', 'stdout', 'tap', tap].map((value, i) => `--test-reporter${i % 2 ? '-destination' : ''}=${value}`)
  try {
    const code = await runChild(
      [process.execPath, '--test', `--test-concurrency=${concurrency[kind]}`, ...reporters, ...files],
      env,
      run.signal,
    )
    return countTap(readFileSync(tap, 'utf8'), code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The summary that ends node:test's TAP. A run that failed without one failed test (a crash) still counts as one. */
export function countTap(text: string, exitCode: number): Outcome {
  // The last one: a test's own output may look the same.
  const count = (name: string) => Number([...text.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0)
  const failed = count('fail') + count('cancelled')
  return { passed: count('pass'), failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped: count('skipped') + count('todo') }
}
