import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { Interrupted } from '../client/src/cli/exit.ts'
import { externalOf, runCommand, wholeNumber } from '../localstack/command-line.ts'
import { forgetLocal, type LocalAws, type StartOptions, startLocal, stopLocal } from '../localstack/local-aws.ts'
import { lineReport } from '../localstack/report.ts'
import { localDir, repository } from '../localstack/state-dir.ts'
import { runDemo } from './demo/steps.ts'
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

interface Wanted {
  readonly rows: number
  readonly keep: boolean
  readonly json: boolean
  readonly external: StartOptions['external']
}

function wanted(): Wanted | undefined {
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
  const { help, keep, json, endpoint, database } = values
  if (help) return undefined
  return { rows: wholeNumber('--rows', values.rows, 1000, allFlights), keep, json, external: externalOf(endpoint, database) }
}

/** Beside the state of `npm run local`, never in it: the demo begins with nothing every time, and clears up. */
const dir = join(localDir(), 'demo')
const interrupt = new AbortController()

async function demo(options: Wanted): Promise<void> {
  const interrupted = new Promise<never>((_, reject) => interrupt.signal.addEventListener('abort', () => reject(interrupt.signal.reason)))
  try {
    await Promise.race([show(options), interrupted])
    if (!options.keep) await forgetLocal(dir)
  } catch (error) {
    if (error instanceof Interrupted) console.error(`\n${error.message}`)
    await stopLocal(dir) // the logs and the rows are worth a look
    if (!(error instanceof Interrupted)) throw error
    process.exitCode = 130
  }
}

async function show({ rows, keep, json, external }: Wanted): Promise<void> {
  const say = (text: string): void => void (json ? process.stderr : process.stdout).write(`${text}\n`)
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
  if (keep) say(howToUse(local))
  if (json) console.log(JSON.stringify({ ...outcome, seconds }))
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
await runCommand({ name: 'npm run demo', help, read: wanted, run: demo })
process.exit()
