import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCommand, wholeNumber } from '../localstack/command-line.ts'
import { LocalFailure } from '../localstack/failure.ts'
import { forgetLocal } from '../localstack/local-aws.ts'
import { localDir, repository } from '../localstack/state-dir.ts'
import { findHand } from './bench/by-hand.ts'
import { doorSides } from './bench/door-sides.ts'
import { measureEndToEnd } from './bench/end-to-end.ts'
import { judge, type Line, type Run } from './bench/figures.ts'
import { measureFile } from './bench/file-rows.ts'
import { flightSides, fullTable } from './bench/flight-sides.ts'
import { endToEnd, lines } from './bench/lines.ts'
import { memorySides, shapeSides } from './bench/other-sides.ts'
import { profilerFlags, runProfile } from './bench/profile.ts'
import { type Group, runRounds } from './bench/rounds.ts'
import { type Server, startServer } from './bench/server.ts'
import { shapes } from './bench/shapes.ts'
import { memo, type Sides, type Stage } from './bench/sides.ts'
import { generalSides, updateSides } from './bench/slow-sides.ts'
import { streamSides } from './bench/stream-sides.ts'
import { tableText } from './bench/table.ts'
import { allFlights, flightsFile } from './flights.ts'

const namesOf = (which: (line: Line) => boolean): string =>
  lines
    .filter(which)
    .map(({ key }) => key)
    .join(', ')

const help = `npm run bench -- [options] [NAME ...]

Holds the loader against \`psql \\copy\` on the same data, server and run, and prints every target with
what was measured, or only those named. Starts a Postgres of its own and ends it. How to read it: docs/performance.md.

A NAME is that of a line, or how the names of several begin (stream: stream-p50, …):
  ${namesOf((line) => !line.onlyNamed)}
and measured only when named, for a local AWS is started for them, and ended:
  ${namesOf((line) => line.onlyNamed === true)}

  --rows N         flights to load, 1,000 to 3,000,000 (default 1,500,000). The lines of odd rows and of policy
                   update load a quarter of them; each other shape as many bytes as a third of the flights
  --rounds N       rounds of which the median is taken (default 5)
  --gigabytes N    size of the large file of the memory line, GiB (default 1); it is made up while it is read
  --profile        profile instead of timing: a .cpuprofile of each loader and its top ten functions, what its Postgres process
                   waited for and did; of the lines named, or of ndjson-1
  --json           print one JSON object, {"results": [{"name", "target", "measured", "holds", ...}]}, and nothing else
  --help           print this
`

interface Wanted {
  readonly chosen: readonly Line[]
  readonly rows: number
  readonly rounds: number
  readonly gibibytes: number
  readonly profile: boolean
  readonly json: boolean
}

function wanted(): Wanted | undefined {
  const { values, positionals: names } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '1500000' },
      rounds: { type: 'string', default: '5' },
      gigabytes: { type: 'string', default: '1' },
      profile: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const gibibytes = Number(values.gigabytes)
  if (!(gibibytes >= 0.01 && gibibytes <= 1000)) throw new Error('--gigabytes must be 0.01 to 1,000')
  const isMeant = ({ key }: Line, name: string): boolean => key === name || key.startsWith(`${name}-`)
  const unknown = names.find((name) => !lines.some((line) => isMeant(line, name)))
  if (unknown !== undefined) throw new Error(`there is no line "${unknown}"`)
  const unnamed = (line: Line): boolean => (values.profile ? line.key === 'ndjson-1' : !line.onlyNamed)
  return {
    chosen: lines.filter((line) => (names.length > 0 ? names.some((name) => isMeant(line, name)) : unnamed(line))),
    rows: wholeNumber('--rows', values.rows, 1000, allFlights),
    rounds: wholeNumber('--rounds', values.rounds, 1, 1000),
    gibibytes,
    profile: values.profile,
    json: values.json,
  }
}

async function measure({ chosen, rows, rounds, gibibytes, profile, json }: Wanted): Promise<void> {
  const say = (text: string): void => void (json || console.log(text))
  const began = performance.now()
  const folder = join(localDir(), `bench-${process.pid}`)
  const flightsPath = await flightsFile(rows, join(repository, '.local', 'cache'))
  server = await startServer(folder)
  const profiles = join(repository, '.local', 'profiles')
  const stage: Stage = { server, hand: findHand(server.url), folder, rows, flags: profile ? profilerFlags(profiles) : [] }
  const all = await groups(stage, flightsPath, rounds, gibibytes)
  if (profile) {
    const sides = Object.assign({}, ...all.map((group) => group.sides)) as Sides
    for (const name of chosen.map(({ ours }) => ours)) await runProfile(server, name, sides[name]!, profiles, say)
    return
  }
  const machine = `${cpus().length} cores, PostgreSQL ${server.version} with default settings, Node ${process.versions.node}; ${stage.hand.name}`
  say(`${machine}; load average ${loadavg()[0]!.toFixed(1)}`)
  const wanted = new Set(chosen.flatMap(({ ours, against }) => (against === undefined ? [ours] : [ours, against])))
  const runs = new Map<string, readonly Run[]>()
  for (const group of all) for (const [name, run] of await runRounds(server, group, wanted, say)) runs.set(name, run)
  if (wanted.has(endToEnd)) {
    localAws = join(folder, 'local')
    runs.set(endToEnd, await measureEndToEnd(localAws, rounds, say))
  }
  const results = chosen.map((line) => judge(line, runs))
  const seconds = Math.round((performance.now() - began) / 1000)
  say(
    `\n${tableText(results)}\n\n${rows.toLocaleString('en-US')} flights; ratios are medians of the rounds, above 1 is faster. ${seconds} s in all.`,
  )
  if (json) console.log(JSON.stringify({ results, rows, rounds, machine, seconds }))
}

async function groups(stage: Stage, flightsPath: string, rounds: number, gibibytes: number): Promise<Group[]> {
  const filled = fullTable(stage, flightsPath)
  const fewer = { ...stage, rows: Math.ceil(stage.rows / 4), folder: join(stage.folder, 'fewer') }
  const fewerFlights = memo(async () => measureFile(await flightsFile(fewer.rows, join(repository, '.local', 'cache')), fewer.rows))
  const bytes = stage.rows * 37
  const door = doorSides(stage, flightsPath)
  const memory = memorySides(stage, flightsPath, 96, gibibytes)
  return [
    { name: 'flights', sides: flightSides(stage, flightsPath, filled), rounds },
    { name: 'update', sides: updateSides(fewer, flightsPath, fewerFlights, filled), rounds },
    { name: 'stream', sides: streamSides(stage, flightsPath), rounds },
    { name: 'door', sides: door.timed, rounds },
    { name: 'general', sides: generalSides(fewer, flightsPath), rounds },
    ...shapes.map((shape) => ({ name: shape.key, sides: shapeSides(stage, shape, bytes), rounds })),
    { name: 'memory', sides: { ...memory.rows, ...memory.file, ...door.memory }, rounds: 1 },
  ]
}

// Whatever ends the bench, its Postgres and its local AWS end with it.
const interrupted = new Promise<never>((_, reject) => {
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => reject(new LocalFailure(`ended by ${name}`)))
  process.on('uncaughtException', reject)
})
let server: Server | undefined
/** Folder of the local AWS, when one was started. */
let localAws: string | undefined

async function bench(options: Wanted): Promise<void> {
  try {
    await Promise.race([measure(options), interrupted])
  } finally {
    if (localAws) await forgetLocal(localAws)
    await server?.[Symbol.asyncDispose]()
  }
}

await runCommand({ name: 'npm run bench', help, read: wanted, run: bench })
process.exit()
