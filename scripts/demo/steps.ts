import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import type { Receipt } from '#core/loads/receipt.ts'
import type { Reject } from '#core/rejects/reject.ts'
import { count, duration, table } from '../../client/src/cli/figures.ts'
import { equation, printReceipt, printReject } from '../../client/src/cli/print.ts'
import { createProgressBar } from '../../client/src/cli/progress.ts'
import { createSendStory } from '../../client/src/cli/send-story.ts'
import { createClient } from '../../client/src/client.ts'
import { fileSource } from '../../client/src/file-source.ts'
import type { Millrace } from '../../client/src/millrace.ts'
import type { PushResult } from '../../client/src/push-options.ts'
import { flightsFile } from '../flights.ts'
import { badFlights } from './bad-flights.ts'
import { liveFlights, liveIds } from './live-flights.ts'
import { loaderMemory } from './loader-memory.ts'

export interface DemoOptions {
  readonly settings: Readonly<Record<string, string>>
  readonly rows: number
  /** Where made files are kept for the next time. */
  readonly cache: string
  readonly say: (text: string) => void
  /** Where progress is drawn; undefined when nobody watches. */
  readonly terminal: { readonly columns: number; write(text: string): unknown } | undefined
  readonly signal: AbortSignal
}

/** All of the demo once the local AWS runs; answers what `--json` prints. */
export async function runDemo(options: DemoOptions): Promise<object> {
  const { settings, rows, cache, say } = options
  const client = createClient({ url: settings.MILLRACE_URL!, apiKey: settings.MILLRACE_API_KEY! })
  const database = new Client({ connectionString: settings.DATABASE_URL })
  await database.connect()
  try {
    const path = await timed(say, `${count(rows)} real flights of 2001 as NDJSON`, () => flightsFile(rows, cache))
    const push = (file: string, again = false) => pushFile(client, file, again, options)

    say(`\n1. Push them, while others come live\n`)
    const { first, live } = await pushBesideLive(client, () => push(path), options)
    say(printReceipt(first.receipt))
    say(live.text)
    const load = rateOf(first.receipt)

    say('2. What Postgres says\n')
    const queries = await askPostgres(database)
    for (const { question, answer } of queries) say(`${question}\n${answer.replace(/^/gm, '    ')}\n`)

    say('3. The same push again\n')
    const again = await push(path)
    say(
      `    ${again.alreadyThere ? 'nothing was sent' : 'IT WAS SENT AGAIN'}: answered in ${duration(again.ms)} by load ${again.receipt.id}, the first one\n`,
    )

    const part = Math.min(rows, 100_000)
    say(`4. The first ${count(part)} of them as a new load (--again)\n`)
    const before = await rowsIn(database)
    const duplicates = await push(await flightsFile(part, cache), true)
    const after = await rowsIn(database)
    say(`    ${equation(duplicates.receipt.rows)}\n    rows in the table: ${count(before)} before, ${count(after)} after\n`)

    say('5. A file with bad rows\n')
    const badFile = join(cache, 'bad-flights.ndjson')
    await writeFile(badFile, badFlights(rows))
    const bad = await push(badFile, true)
    const rejects = await collect(client.listRejects(bad.receipt.id))
    say(`    ${equation(bad.receipt.rows)}\n${rejects.map((reject) => `    ${printReject(reject)}`).join('\n')}\n`)

    const peakRssMiB = await loaderMemory(settings)
    say(
      `The load: ${count(first.receipt.rows.received)} rows in ${duration(load.ms)}, ${count(load.rowsPerSecond)} rows/s from the first chunk planned to the last committed`,
    )
    if (peakRssMiB !== undefined) say(`The loaders: ${peakRssMiB} MiB of memory at most, each`)
    return {
      rows,
      loadSeconds: load.ms / 1000,
      rowsPerSecond: load.rowsPerSecond,
      peakRssMiB: peakRssMiB ?? null,
      receipts: { first: first.receipt, again: again.receipt, duplicates: duplicates.receipt, bad: bad.receipt },
      live: live.facts,
      again: { alreadyThere: again.alreadyThere, sentBytes: again.sent },
      table: { before, after },
      rejects,
    }
  } finally {
    await database.end()
  }
}

async function pushFile(
  client: Millrace,
  file: string,
  again: boolean,
  { terminal, signal }: DemoOptions,
): Promise<PushResult & { ms: number }> {
  await using source = await fileSource(file)
  const bar =
    terminal &&
    createProgressBar({ write: (text) => void terminal.write(text), columns: () => terminal.columns, now: () => performance.now() })
  const began = performance.now()
  const onProgress = bar ? { onProgress: bar.show } : {}
  const result = await client.pushFile(source, { dataset: 'flights', format: 'ndjson', compression: 'none', again, signal, ...onProgress })
  bar?.end()
  if (result.receipt.state !== 'complete') throw new Error(`${file} was not loaded:\n${printReceipt(result.receipt)}`)
  return { ...result, ms: performance.now() - began }
}

/** A stream of rows next to the file, through the other door, into the same table. */
async function pushBesideLive(
  client: Millrace,
  push: () => Promise<PushResult & { ms: number }>,
  { signal }: DemoOptions,
): Promise<{ first: PushResult & { ms: number }; live: { text: string; facts: object } }> {
  const story = createSendStory({ dataset: 'flights', checkpoint: undefined, seekable: false, before: undefined })
  let pushed = false
  const rows = liveFlights(leastLive, () => pushed || signal.aborted)
  const sending = client.sendRows(rows, { dataset: 'flights', batchMs: 250, signal, onBatch: story.add })
  const pushing = push().finally(() => {
    pushed = true
  })
  const [first, total] = await Promise.all([pushing, sending])
  if (total.rows.loaded !== total.rows.received) throw new Error(`the live stream was not loaded:\n${story.text(total)}`)
  return { first, live: { text: story.text(total), facts: story.facts(total) } }
}
/** Two seconds of them, however small the file. */
const leastLive = 4000

/** Numbers come as text, so that Postgres decides about their decimals. */
const questions = {
  'How many flights are there?': `SELECT CASE WHEN id < ${liveIds} THEN 'file' ELSE 'live' END AS came, count(*)::text AS flights, min(date)::date::text AS first,
    max(date)::date::text AS last FROM flights GROUP BY 1 ORDER BY 1`,
  'Which airports are the busiest?': `SELECT origin, count(*)::text AS departures FROM flights
    WHERE id < ${liveIds} GROUP BY origin ORDER BY count(*) DESC, origin LIMIT 5`,
  'How late were they, month by month?': `SELECT to_char(date AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*)::text AS flights,
    avg(delay)::numeric(9, 1)::text AS "mean delay, minutes" FROM flights
    WHERE id < ${liveIds} GROUP BY 1 ORDER BY 1`,
}
async function askPostgres(database: Client): Promise<{ question: string; answer: string }[]> {
  const answers: { question: string; answer: string }[] = []
  for (const [question, sql] of Object.entries(questions)) {
    const { rows, fields } = await database.query<Record<string, string>>(sql)
    const cells = rows.map((row) => Object.values(row).map((value) => (/^\d+$/.test(value) ? count(Number(value)) : value)))
    const numbers = new Set(fields.flatMap((_, i) => (cells.every((row) => /^-?[\d,]+(\.\d+)?$/.test(row[i]!)) ? [i] : [])))
    answers.push({ question, answer: table([fields.map((field) => field.name), ...cells], numbers) })
  }
  return answers
}

async function rowsIn(database: Client): Promise<number> {
  const { rows } = await database.query<{ rows: number }>('SELECT count(*)::int AS rows FROM flights')
  return rows[0]!.rows
}

function rateOf({ rows, startedAt, committedAt }: Receipt): { ms: number; rowsPerSecond: number } {
  if (startedAt === null || committedAt === null) throw new Error('the receipt of a complete load has no times')
  const ms = Date.parse(committedAt) - Date.parse(startedAt)
  return { ms, rowsPerSecond: Math.round((rows.received / ms) * 1000) }
}

async function collect(rejects: AsyncIterable<Reject>): Promise<Reject[]> {
  const all: Reject[] = []
  for await (const reject of rejects) all.push(reject)
  return all
}

async function timed<T>(say: DemoOptions['say'], what: string, run: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const result = await run()
  say(`  ${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${what}`)
  return result
}
