import type pg from 'pg'
import { receiptOf } from '#core/loads/load.ts'
import { reconciles } from '#core/loads/receipt.ts'
import { type Cargo, rowsOf } from './cargo.ts'
import { differences } from './compare.ts'
import { Model, type SentFile, sentFile, type Tally } from './model.ts'
import { noSums, type Sums } from './rejects.ts'
import { fileDatasets } from './tables.ts'
import type { World } from './world.ts'
import { sparesIn } from './written.ts'

/** A file that was sent, and the load that it became. */
export interface Shipment {
  readonly cargo: Cargo
  readonly load: string
}

/**
 * Holds tables, rejects and receipts against the files that were sent.
 * @returns every promise that was broken, in words
 */
export async function findBrokenFiles(
  db: pg.Client,
  world: World,
  shipments: readonly Shipment[],
  seed: number,
  refusedEvery: number,
): Promise<string[]> {
  const broken: string[] = []
  for (const [name, dataset] of fileDatasets) {
    const files: SentFile[] = []
    for (const { cargo, load } of shipments) if (cargo.dataset === name) files.push(sentFile(cargo, load, await partsOf(db, load)))
    files.sort((a, b) => a.cargo.first - b.cargo.first)
    const policy = dataset.version !== undefined ? 'version' : dataset.onConflict
    const model = new Model(files, policy, seed, refusedEvery)
    broken.push(...(await differences(db, name, model.expected())))
    broken.push(...model.broken, ...files.flatMap((file, i) => receiptBroken(world, file, model.tallies[i]!, refusedEvery)))
  }
  return broken
}

async function partsOf(db: pg.Client, load: string) {
  const { rows } = await db.query(
    'SELECT chunk, part, received::float8 AS received, finished::float8 AS finished FROM millrace.ledger WHERE load = $1 ORDER BY chunk, part',
    [load],
  )
  return rows as { chunk: number; part: number; received: number; finished: number }[]
}

function receiptBroken({ loads, rejects, clock }: World, { cargo, load, parts }: SentFile, tally: Tally, refusedEvery: number): string[] {
  const { state, rows, problem, ignored } = receiptOf(loads.items.get(load)!, clock.now())
  const wanted = {
    received: rowsOf(cargo),
    loaded: tally.loaded,
    updated: tally.updated,
    duplicate: tally.duplicate,
    rejected: tally.rejected.rows,
    pending: 0,
  }
  const broken: string[] = []
  if (state !== 'complete' || !reconciles(rows) || JSON.stringify(rows) !== JSON.stringify(wanted))
    broken.push(`load ${load}: ${state}, ${JSON.stringify(rows)}, not ${JSON.stringify(wanted)} ${problem?.detail ?? ''}`)
  const spares = sparesIn({ refusedEvery }, cargo, loads.items.get(load)!.format)
  const passedOver = ignored.byName.reduce((sum, each) => sum + each.rows, ignored.others)
  if (passedOver !== spares || ignored.byName.length > 1)
    broken.push(`load ${load}: ${JSON.stringify(ignored)} was passed over, not ${spares} rows`)
  const rejected = new Map(loads.inOrder(load).map(({ chunk, part = 0, rejected }) => [`${chunk} ${part}`, rejected]))
  // What a try left that was cut off, under the key of a part without rejects, is nobody's.
  const stored = parts
    .filter(({ chunk, part }) => rejected.get(`${chunk} ${part}`))
    .map((place) => rejects.of(load, place))
    .reduce(add, noSums)
  const { sum, squares } = tally.rejected
  if (stored.rows !== tally.rejected.rows || stored.sum !== sum || stored.squares !== squares)
    broken.push(
      `load ${load}: other rows are among its rejects than must be: ${JSON.stringify(stored)}, not ${JSON.stringify(tally.rejected)}`,
    )
  return broken
}

const add = (a: Sums, b: Sums): Sums => ({ rows: a.rows + b.rows, sum: a.sum + b.sum, squares: a.squares + b.squares })
