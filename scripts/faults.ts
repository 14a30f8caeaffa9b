import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCommand, wholeNumber } from '../localstack/command-line.ts'
import { localDir } from '../localstack/state-dir.ts'
import type { Played } from '../test/support/faults/play.ts'
import { startServer } from './bench/server.ts'

const help = `npm run faults -- [options]

Sends batches through the real door and the real consumer into a real Postgres. Lambda's event source between
them is played in virtual time (localstack/event-source), and at every step something goes wrong: connections
die on either side of a commit, functions die, records are delivered twice, taken in part, unreadable, the
database is away, shards are split and merged, batches are sent twice at once. Then it proves that every
accepted row is in the table once or among the rejects once, that each key kept its order, and that every
receipt adds up. Exits with 1 when anything does not hold.

  --rows N         rows to be accepted, 1,000 to 100,000,000 (default 200,000)
  --seed S         plays the run of this seed again, with the same --rows (default: a new one, which is printed)
  --json           print one JSON object and nothing else
  --help           print this
`

interface Wanted {
  readonly rows: number
  readonly seed: number
  readonly json: boolean
}

function wanted(): Wanted | undefined {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '200000' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { seed, json } = values
  if (values.help) return undefined
  return {
    rows: wholeNumber('--rows', values.rows, 1000, 100_000_000),
    seed: seed === undefined ? randomInt(2 ** 31) : wholeNumber('--seed', seed, 0, 2 ** 31 - 1),
    json,
  }
}

/** The functions' own log lines would be thousands, most of them about what was done to them on purpose. Read when they are loaded. */
process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT'
process.env.POWERTOOLS_METRICS_DISABLED ??= 'true'

async function faults({ rows, seed, json }: Wanted): Promise<void> {
  const say = (text: string): void => void (json || console.log(text))
  say(`Seed ${seed}. The same run again: npm run faults -- --rows ${rows} --seed ${seed}`)
  const folder = join(localDir(), `faults-${process.pid}`)
  await using server = await startServer(folder)
  const began = performance.now()
  const onProgress = json || !process.stderr.isTTY ? undefined : progress(rows)
  const { play } = await import('../test/support/faults/play.ts')
  const played = await play({ database: server.url, rows, seed, ...(onProgress && { onProgress }) })
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1))
  if (json) console.log(JSON.stringify({ seed, seconds, holds: played.broken.length === 0, ...played }))
  else say(report(played, seconds))
  if (played.broken.length > 0) process.exitCode = 1
}

function progress(rows: number): (accepted: number) => void {
  let shown = -1
  return (accepted) => {
    const percent = Math.min(100, Math.floor((100 * accepted) / rows))
    if (percent === shown) return
    shown = percent
    process.stderr.write(`\r${percent} % accepted${percent === 100 ? '\n' : ''}`)
  }
}

function report({ faults, broken, ...sums }: Played, seconds: number): string {
  const table = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([what, count]) => `${count.toLocaleString('en-US').padStart(12)}  ${what}`)
  const verdict =
    broken.length === 0
      ? 'Nothing is lost, nothing is there twice, nothing is out of order, and every receipt adds up.'
      : `BROKEN:\n${broken.map((what) => `  ${what}`).join('\n')}`
  return ['', ...table(sums), '', 'What went wrong on the way:', ...table(faults), '', `${verdict} ${seconds} s.`].join('\n')
}

await runCommand({ name: 'npm run faults', help, read: wanted, run: faults })
