import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCommand, wholeNumber } from '../localstack/command-line.ts'
import { localDir } from '../localstack/state-dir.ts'
import type { FilesPlayed } from '../test/support/faults/files/play.ts'
import type { Played } from '../test/support/faults/play.ts'
import { startServer } from './bench/server.ts'

const help = `npm run faults -- [options]

Sends files and batches through the real functions into a real Postgres, while at every step something goes
wrong. Lambda's event sources, SQS and Kinesis are played in virtual time, DynamoDB and S3 are in memory, all by
AWS's rules. Processes die between any two steps, connections are cut on either side of a commit, the database
is away for 1 s to 10 min, tables are altered, renamed, locked and slow, messages come twice, late and never,
clocks differ. Then every value in the tables is held against what was sent, and every receipt and every
rejected row too; and every load must have ended.

Prints how often each fault was met at each step, and names those that were not: docs/faults.md.
Exits with 1 when anything is lost, there twice, different, out of order or without an end.

  --rows N         rows to be sent, 1,000 to 100,000,000 (default 200,000); with both doors, half through each
  --door WHICH     files, batches or both (default both)
  --seed S         plays the run of this seed again, with the same --rows and --door (default: a new one, printed)
  --json           print one JSON object and nothing else
  --help           print this
`

const doors = ['files', 'batches', 'both'] as const
type Door = (typeof doors)[number]

interface Wanted {
  readonly rows: number
  readonly door: Door
  readonly seed: number
  readonly json: boolean
}

function wanted(): Wanted | undefined {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '200000' },
      door: { type: 'string', default: 'both' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { seed, json } = values
  if (values.help) return undefined
  const door = doors.find((name) => name === values.door)
  if (!door) throw new Error(`--door must be one of ${doors.join(', ')}`)
  return {
    rows: wholeNumber('--rows', values.rows, 1000, 100_000_000),
    door,
    seed: seed === undefined ? randomInt(2 ** 31) : wholeNumber('--seed', seed, 0, 2 ** 31 - 1),
    json,
  }
}

/** The functions' own log lines would be thousands, most of them about what was done to them on purpose. Read when they are loaded. */
process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT'
process.env.POWERTOOLS_METRICS_DISABLED ??= 'true'

async function faults({ rows, door, seed, json }: Wanted): Promise<void> {
  const say = (text: string): void => void (json || console.log(text))
  const again = `npm run faults -- --rows ${rows} --door ${door} --seed ${seed}`
  say(`Seed ${seed}. The same run again: ${again}`)
  await using server = await startServer(join(localDir(), `faults-${process.pid}`))
  const began = performance.now()
  const share = door === 'both' ? Math.ceil(rows / 2) : rows
  const shown = (what: string) => (json || !process.stderr.isTTY ? {} : { onProgress: progress(what, share) })
  const options = { database: server.url, rows: share, seed }
  const { playFiles } = await import('../test/support/faults/files/play.ts')
  const files = door === 'batches' ? undefined : await playFiles({ ...options, ...shown('files') })
  const { play } = await import('../test/support/faults/play.ts')
  const batches = door === 'files' ? undefined : await play({ ...options, ...shown('batches') })
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1))
  const broken = [...(files?.broken ?? []), ...(batches?.broken ?? [])]
  const holds = broken.length === 0
  if (json) console.log(JSON.stringify({ seed, rows, door, seconds, holds, broken, files, batches }))
  else {
    const { matrixText } = await import('../test/support/faults/matrix.ts')
    for (const [name, played] of Object.entries({ Files: files, Batches: batches })) if (played) say(report(name, played, matrixText))
    const promise = 'Nothing is lost, there twice, different or out of order; every load has ended, and every receipt adds up.'
    say(`\n${holds ? promise : `BROKEN:\n${broken.map((what) => `  ${what}`).join('\n')}\nThe same run again: ${again}`} ${seconds} s.`)
  }
  if (!holds) process.exitCode = 1
}

function progress(what: string, rows: number): (sent: number) => void {
  let shown = -1
  return (sent) => {
    const percent = Math.min(100, Math.floor((100 * sent) / rows))
    if (percent === shown) return
    shown = percent
    process.stderr.write(`\r${what}: ${percent} % sent${percent === 100 ? '\n' : ''}`)
  }
}

function report(name: string, played: Played | FilesPlayed, matrixText: (counts: Readonly<Record<string, number>>) => string): string {
  const { faults, broken: _, unseen, ...sums } = played
  const figures = Object.entries(sums).map(([what, count]) => `${count.toLocaleString('en-US')} ${what}`)
  const missing = unseen.length === 0 ? [] : ['', `Not met in this run (${unseen.length}):`, ...unseen.map((pair) => `  ${pair}`)]
  return ['', `${name}: ${figures.join(', ')}`, '', 'Faults met, by function and step:', matrixText(faults), ...missing].join('\n')
}

await runCommand({ name: 'npm run faults', help, read: wanted, run: faults })
