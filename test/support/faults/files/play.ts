import pg from 'pg'
import { randomFrom } from '../../random.ts'
import { createVirtualClock } from '../../virtual-clock.ts'
import { Matrix } from '../matrix.ts'
import { fileSteps, pairsOf } from '../steps.ts'
import { createLoader } from './loader.ts'
import { createEnder, createPlanner } from './planner.ts'
import { Poller } from './poller.ts'
import { findBrokenFiles } from './proof.ts'
import { spoil } from './sabotage.ts'
import { withSeededRandom } from './seeded.ts'
import { FileSender } from './sender.ts'
import { makeFileTables } from './tables.ts'
import { FileTrouble } from './trouble.ts'
import { type Sabotage, World } from './world.ts'

export interface FilePlayOptions {
  /** URL of a database of its own, empty. */
  readonly database: string
  readonly rows: number
  readonly seed: number
  /** Breaks the promise on purpose. */
  readonly sabotage?: readonly Sabotage[]
  /** @param rows sent so far */
  readonly onProgress?: (rows: number) => void
}

export interface FilesPlayed {
  /** Promises that were broken, in words. */
  readonly broken: readonly string[]
  readonly rows: number
  readonly files: number
  readonly invocations: number
  readonly replays: number
  /** How often each fault was met at each step. */
  readonly faults: Readonly<Record<string, number>>
  /** Pairs of step and fault that were not met. */
  readonly unseen: readonly string[]
}

const senders = 3
const slots = { plan: 2, chunks: 4, deadLetters: 1 }
/** About as many bytes a row has as text, and chunks a file. */
const [rowBytes, chunksOfFile] = [260, 7]

/**
 * Sends files through the real planner and the real loader into a real Postgres, with SQS between them played in
 * virtual time and something going wrong at
 * every step, and then holds every value of the tables, the rejects and the receipts against what was sent. The same
 * options play the same run.
 */
export const playFiles = (options: FilePlayOptions): Promise<FilesPlayed> => withSeededRandom(options.seed, () => play(options))

async function play({ database, rows, seed, sabotage = [], onProgress }: FilePlayOptions): Promise<FilesPlayed> {
  const admin = new pg.Client({ connectionString: database })
  await admin.connect()
  await makeFileTables(admin)
  const clock = createVirtualClock()
  const matrix = new Matrix(pairsOf(fileSteps))
  const trouble = new FileTrouble(seed + 1, matrix)
  const world = new World({ database, admin, clock, trouble, random: randomFrom(seed + 2), sabotage })
  const fileRows = Math.max(60, Math.min(100_000, Math.ceil(rows / 70)))
  const chunkBytes = Math.max(2048, Math.floor((fileRows * rowBytes) / chunksOfFile))
  const recipe = { seed, refusedEvery: Math.max(307, Math.min(100_003, Math.floor(rows / 60))) }
  const sender = new FileSender(world, { rows, fileRows, chunkBytes, recipe, onProgress })
  const pollers = [
    new Poller(world, world.planQueue, () => createPlanner(world, chunkBytes)),
    new Poller(world, world.chunkQueue, () => createLoader(world, chunkBytes / rowBytes)),
    new Poller(world, world.deadLetters, () => createEnder(world)),
  ]
  const [plan, chunks, deadLetters] = pollers as [Poller, Poller, Poller]
  try {
    plan.start(slots.plan)
    chunks.start(slots.chunks)
    deadLetters.start(slots.deadLetters)
    await clock.run(Promise.all(Array.from({ length: senders }, () => sender.send())))
    trouble.healed = true
    await world.turn(() => world.tables.mend(true))
    await clock.run(Promise.all(pollers.map((poller) => poller.stop())))
    for (const how of sabotage) await spoil(admin, how)
    const broken = [...world.broken, ...(await findBrokenFiles(admin, world, sender.shipments, seed, recipe.refusedEvery))]
    const { invocations } = world
    const { replays, shipments } = sender
    return { broken, rows: sender.rows, files: shipments.length, invocations, replays, faults: matrix.counts, unseen: matrix.unseen }
  } finally {
    await Promise.all(pollers.map((poller) => poller.close()))
    await admin.end()
  }
}
