import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { Interrupted } from '../client/src/cli/exit.ts'
import { describeFailure } from '../localstack/failure.ts'
import { forgetLocal, type LocalAws, startLocal, stopLocal } from '../localstack/local-aws.ts'
import { lineReport } from '../localstack/report.ts'
import { repository } from '../localstack/state-dir.ts'
import { runDemo } from './demo-steps.ts'
import { allFlights } from './flights.ts'

const help = `npm run demo -- [options]

Starts a local AWS of its own, pushes 3,000,000 real flights through it into Postgres while a live
stream of others is sent into the same table, and shows the receipts: of the push and the stream, of
the same push again, of rows that are there already, of bad rows.
Ends what it started.

  --rows N         flights to push, 1,000 to 3,000,000 (default: all)
  --keep           leave it running, to look around; says how to use it and how to end it
  --json           print one JSON object with the receipts, last on stdout; all else goes to stderr
  --endpoint URL   use this LocalStack or MiniStack, which runs already ...
  --database URL   ... and this Postgres; both or none
  --help           print this
`

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: String(allFlights) },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    endpoint: { type: 'string' },
    database: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
/** Beside the state of `npm run local`, never in it: the demo begins with nothing every time, and clears up. */
const dir = join(process.env.MILLRACE_LOCAL_DIR ?? join(repository, '.local'), 'demo')
const say = (text: string): void => void (values.json ? process.stderr : process.stdout).write(`${text}\n`)
const interrupt = new AbortController()

async function main(): Promise<void> {
  if (values.help) return console.log(help)
  const rows = Number(values.rows.replace(/[_,]/g, ''))
  if (!Number.isInteger(rows) || rows < 1000 || rows > allFlights)
    throw new Error(`--rows must be 1,000 to ${allFlights.toLocaleString('en-US')}`)
  const { endpoint, database } = values
  if ((endpoint === undefined) !== (database === undefined)) throw new Error('--endpoint and --database go together.')
  const external = endpoint !== undefined && database !== undefined ? { endpoint, database } : undefined

  const began = performance.now()
  say('Local AWS: an emulator, Postgres, and the stacks deployed to it')
  const local = await startLocal({ dir, external, fresh: true, persist: false, report: lineReport(say) })
  const outcome = await runDemo({
    settings: local.settings,
    rows,
    cache: join(repository, '.local', 'cache'),
    say,
    terminal: process.stderr.isTTY ? process.stderr : undefined,
    signal: interrupt.signal,
  })
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1))
  say(`\nThe whole demo took ${seconds} s.`)
  if (values.keep) say(howToUse(local))
  if (values.json) console.log(JSON.stringify({ ...outcome, seconds }))
}

function howToUse({ settings }: LocalAws): string {
  const prefix = `MILLRACE_LOCAL_DIR=${relative(process.cwd(), dir)}`
  return `
It runs on. Look around:
  ${prefix} npx millrace loads
  psql '${settings.DATABASE_URL}'
and end it:
  ${prefix} npm run local:stop`
}

for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupt.abort(new Interrupted(`the demo was ended by ${name}`)))
try {
  const interrupted = new Promise<never>((_, reject) => interrupt.signal.addEventListener('abort', () => reject(interrupt.signal.reason)))
  await Promise.race([main(), interrupted])
} catch (error) {
  console.error(`\nmillrace demo: ${error instanceof Interrupted ? error.message : describeFailure(error)}`)
  process.exitCode = error instanceof Interrupted ? 130 : 1
} finally {
  // After a failure the logs and the rows are worth a look; after a success only with --keep.
  if (process.exitCode !== undefined && process.exitCode !== 0) await stopLocal(dir)
  else if (!values.keep && !values.help) await forgetLocal(dir)
}
process.exit()
