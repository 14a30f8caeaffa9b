import { receiptOf } from '#core/loads/load.ts'
import { reconciles } from '#core/loads/receipt.ts'
import type { Connection } from '#platform/postgres/database.ts'
import type { Account } from './account.ts'
import { copiedLines, difference } from './copied-lines.ts'
import { batchValues, valueText } from './sender.ts'
import type { Stage } from './stage.ts'
import { copyFields, valueNames, valuesSelected } from './value-texts.ts'

/** Differences that are named; there may be thousands of one cause. */
const mostNamed = 20

/** Holds the tables, the rejects, what was set aside and the receipts against what was accepted. @returns every promise that was broken, in words */
export async function findBroken(db: Connection, account: Account, stage: Stage, now: number): Promise<string[]> {
  const broken = [
    ...(await tablesBroken(db, account)),
    ...(await valuesBroken(db, account)),
    ...rejectsBroken(account, stage.rejects),
    ...setAsideBroken(stage),
    ...parkedBroken(stage),
    ...receiptsBroken(account, stage, now),
  ]
  return broken.length > mostNamed ? [...broken.slice(0, mostNamed), `... and ${broken.length - mostNamed} more`] : broken
}

async function tablesBroken(db: Connection, account: Account): Promise<string[]> {
  const broken: string[] = []
  for (const [dataset, streams] of account.tables) {
    const { rows } = await db.query(
      `SELECT stream, count(*)::float8 AS rows, sum(n)::float8 AS sum, sum(n::numeric * n)::float8 AS squares, max(n)::float8 AS last FROM ${dataset} GROUP BY stream`,
    )
    const found = new Map(rows.map((row) => [row.stream as number, row]))
    for (const [stream, expected] of streams) {
      const { last } = expected
      const wanted = dataset === 'latest' ? { rows: 1, sum: last, squares: last * last, last } : expected
      const there = found.get(stream) ?? { rows: 0 }
      found.delete(stream)
      for (const what of ['rows', 'sum', 'squares', 'last'] as const)
        if (there[what] !== wanted[what]) broken.push(`${dataset}, stream ${stream}: ${what} ${there[what]}, not ${wanted[what]}`)
    }
    for (const stream of found.keys()) broken.push(`${dataset}: stream ${stream} is there, and was never accepted`)
  }
  const { rows } = await db.query(
    'SELECT stream, n FROM (SELECT stream, n, lag(n) OVER (PARTITION BY stream ORDER BY arrival) AS before FROM journal) AS j WHERE before > n',
  )
  for (const { stream, n } of rows) broken.push(`journal, stream ${stream}: row ${n} came after a later one`)
  return broken
}

/** Every value of every row that is there; which rows must be there the sums above tell. */
async function valuesBroken(db: Connection, account: Account): Promise<string[]> {
  const broken: string[] = []
  const columns = ['stream', 'n', 'value', ...valueNames]
  for (const dataset of account.tables.keys())
    for await (const line of copiedLines(db, `SELECT stream, n, value, ${valuesSelected} FROM ${dataset} ORDER BY stream, n`)) {
      const [stream, n] = line.split('\t', 2).map(Number) as [number, number]
      const row = { stream, n, kind: 'good', repeated: false } as const
      const want = `${stream}\t${n}\t${valueText(row)}\t${copyFields(batchValues(dataset, row))}`
      if (line !== want && broken.length < mostNamed)
        broken.push(`${dataset}, stream ${stream}, row ${n}: ${difference(columns, line, want)}`)
    }
  return broken
}

function rejectsBroken(account: Account, objects: Stage['rejects']): string[] {
  const times = new Map<string, number>()
  for (const rows of objects.values()) for (const row of rows) times.set(row, (times.get(row) ?? 0) + 1)
  const missing = [...account.rejects].filter((row) => !times.has(row)).map((row) => `${row} should have been rejected`)
  const others = [...times].flatMap(([row, count]) => {
    if (!account.rejects.has(row) && !account.superseded.has(row)) return [`${row} was rejected, and should not have been`]
    return count === 1 ? [] : [`${row} was rejected ${count} times`]
  })
  return [...missing, ...others]
}

function parkedBroken({ parking: { objects, marks } }: Stage): string[] {
  return [...objects.keys(), ...marks.keys()].map((key) => `${key} is still parked`)
}

function setAsideBroken({ setAside, poison }: Stage): string[] {
  const kept = new Set(setAside.map(({ data }) => data.toString()))
  const lost = [...poison].filter((text) => !kept.has(text)).map((text) => `"${text}" was put into the stream, and not set aside`)
  const wrong = setAside.filter(({ data }) => !poison.has(data.toString()))
  return [...lost, ...wrong.map(({ header, reason }) => `chunk ${header?.chunk} of ${header?.load} was set aside: ${reason.message}`)]
}

function receiptsBroken(account: Account, { loads, rejects }: Stage, now: number): string[] {
  const stored = new Map<string, number>()
  for (const [key, rows] of rejects) {
    const load = key.slice(0, key.indexOf('/'))
    stored.set(load, (stored.get(load) ?? 0) + rows.length)
  }
  const broken: string[] = []
  for (const [id, { received, rejected, doubtful }] of account.loads) {
    const load = loads.items.get(id)
    if (!load) {
      broken.push(`load ${id} is not known`)
      continue
    }
    const { state, rows, problem } = receiptOf(load, now)
    const adds = reconciles(rows) && rows.pending === 0 && rows.received === received && rows.rejected === (stored.get(id) ?? 0)
    if (state !== 'complete' || !adds || rows.rejected < rejected || rows.rejected > rejected + doubtful)
      broken.push(
        `load ${id}: ${state}, ${JSON.stringify(rows)}, of ${received} rows with ${rejected} to ${rejected + doubtful} bad ones ${problem?.detail ?? ''}`,
      )
  }
  return broken
}
