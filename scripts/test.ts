import { rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { externalOf, runCommand } from '../localstack/command-line.ts'
import { describeFailure, LocalFailure } from '../localstack/failure.ts'
import { runChecks } from './testing/checks.ts'
import { add, nothing, type Outcome, type Run } from './testing/stage.ts'
import { type Surroundings, withSurroundings } from './testing/surroundings.ts'
import { findTests, type Kind, runTests } from './testing/test-files.ts'

const help = `npm test -- [options] [PART OF A FILE NAME ...]

Checks (biome, tsc, knip), then runs the tests: unit, infra, pg (a Postgres of its own), aws, e2e
and browser (a local AWS of its own, ended afterwards whatever happens).

  --only STAGES    of check,unit,infra,pg,aws,e2e,browser; with commas
  --endpoint URL   run aws, e2e and browser against this LocalStack or MiniStack, which runs already ...
  --database URL   ... and this Postgres
  --help           print this

The last line is "N passed, N failed"; the exit code is 0 when nothing failed.
`

const stages = ['check', 'unit', 'infra', 'pg', 'aws', 'e2e', 'browser'] as const
type Stage = (typeof stages)[number]
interface Options {
  readonly wanted: readonly Stage[]
  readonly files: readonly string[]
  readonly external: { readonly endpoint: string; readonly database: string } | undefined
}

function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      endpoint: { type: 'string' },
      database: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const only = values.only?.split(',').filter(Boolean)
  const unknown = only?.find((name) => !stages.some((stage) => stage === name))
  if (unknown !== undefined) throw new Error(`--only: there is no stage "${unknown}", only ${stages.join(', ')}`)
  return {
    wanted: stages.filter((stage) => only === undefined || only.includes(stage)),
    files: positionals,
    external: externalOf(values.endpoint, values.database),
  }
}

interface Line {
  readonly name: string
  readonly outcome: Outcome
  readonly seconds: number
}

async function runStages({ wanted, files, external }: Options, run: Run, surroundings: Surroundings, lines: Line[]): Promise<void> {
  const stage = async (name: string, work: () => Promise<Outcome>): Promise<void> => {
    run.signal.throwIfAborted()
    run.say(`\n── ${name}`)
    const began = performance.now()
    let outcome: Outcome = { ...nothing, failed: 1 }
    try {
      outcome = await work()
    } catch (error) {
      if (run.signal.aborted) throw error
      run.say(describeFailure(error)) // the stage could not run at all: the others still can
    } finally {
      lines.push({ name, outcome, seconds: (performance.now() - began) / 1000 })
    }
  }
  const test = (kind: Kind, env: Readonly<Record<string, string>>) => stage(kind, () => runTests(kind, findTests(kind, files), env, run))
  if (wanted.includes('check')) await stage('check', () => runChecks(run))
  for (const kind of ['unit', 'infra'] as const) if (wanted.includes(kind)) await test(kind, {})
  if (wanted.includes('pg'))
    await stage('pg', () => surroundings.withPostgres((url) => runTests('pg', findTests('pg', files), { DATABASE_URL: url }, run)))
  const kinds = (['aws', 'e2e', 'browser'] as const).filter((kind) => wanted.includes(kind))
  if (kinds.length === 0) return
  if (!process.env.CI && kinds.every((kind) => findTests(kind, files).length === 0))
    return run.say('\nThere are no tests in test/aws, test/e2e and test/browser.')
  const began = performance.now()
  let started = false
  run.say('\n── local AWS')
  try {
    await surroundings.withLocal(external, async (settings) => {
      started = true
      lines.push({ name: 'start', outcome: nothing, seconds: (performance.now() - began) / 1000 })
      for (const kind of kinds) await test(kind, settings)
    })
  } catch (error) {
    run.signal.throwIfAborted()
    if (started) throw error
    run.say(describeFailure(error))
    lines.push({ name: 'start', outcome: { ...nothing, failed: 1 }, seconds: (performance.now() - began) / 1000 })
  }
}

function summary(lines: readonly Line[]): string {
  const rows = lines.map(({ name, outcome, seconds }) => {
    const counts = [`${outcome.passed} passed`, `${outcome.failed} failed`, ...(outcome.skipped ? [`${outcome.skipped} skipped`] : [])]
    return `  ${name.padEnd(7)} ${`${seconds.toFixed(1)} s`.padStart(8)}   ${outcome === nothing ? '' : counts.join(', ')}`
  })
  return rows.join('\n')
}

async function runAll(options: Options): Promise<void> {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!controller.signal.aborted) console.error(`\n${name}: stopping what was started`)
      controller.abort(new LocalFailure(`The run was interrupted by ${name}.`))
    })
  }
  const lines: Line[] = []
  let kept = ''
  await withSurroundings(controller.signal, async (surroundings) => {
    const run: Run = { signal: controller.signal, say: console.log }
    try {
      await runStages(options, run, surroundings, lines)
    } catch (error) {
      lines.push({ name: 'run', outcome: { ...nothing, failed: 1 }, seconds: 0 })
      console.error(describeFailure(error))
    }
    if (lines.some((line) => line.outcome.failed > 0)) kept = surroundings.folder
    else rmSync(surroundings.folder, { recursive: true, force: true })
  })
  const sum = lines.map((line) => line.outcome).reduce(add, nothing)
  console.log(`\n${summary(lines)}`)
  if (kept) console.log(`\nLogs of the local AWS and Postgres: ${relative(process.cwd(), join(kept))} (removed by the next run)`)
  console.log(`\n${sum.passed} passed, ${sum.failed} failed`)
  process.exitCode = controller.signal.aborted ? 130 : sum.failed > 0 ? 1 : 0
}

await runCommand({ name: 'npm test', help, read: readOptions, run: runAll })
