import { runChild } from './child.ts'
import { add, nothing, type Outcome, type Run } from './stage.ts'

/** The same three that `npm run check` runs; here all of them run, whichever fails. */
const checks: readonly (readonly [string, ...string[]])[] = [['biome', 'check'], ['tsc', '--noEmit'], ['knip']]

export async function runChecks(run: Run): Promise<Outcome> {
  let sum = nothing
  for (const command of checks) {
    const code = await runChild(command, {}, run.signal)
    run.say(`${code === 0 ? '✔' : '✖'} ${command.join(' ')}`)
    sum = add(sum, code === 0 ? { ...nothing, passed: 1 } : { ...nothing, failed: 1 })
  }
  return sum
}
