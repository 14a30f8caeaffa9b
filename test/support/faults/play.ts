import pg from 'pg'
import { runEventSource } from '../../../localstack/event-source/event-source.ts'
import type { Checkpoint, Ports } from '../../../localstack/event-source/ports.ts'
import { exampleMapping } from '../event-source-run.ts'
import { createModelStream } from '../model-stream.ts'
import { mortalPorts, whileAlive } from '../mortal.ts'
import { below, randomFrom } from '../random.ts'
import { createVirtualClock } from '../virtual-clock.ts'
import { Account } from './account.ts'
import { batchFaults, pairOf } from './batch-pairs.ts'
import { createConsumer } from './consumer.ts'
import { createDoor } from './door.ts'
import { createDrainer } from './drainer.ts'
import { Matrix } from './matrix.ts'
import { findBroken } from './proof.ts'
import { type Batch, createSender } from './sender.ts'
import { Stage } from './stage.ts'
import { batchSteps, pairsOf } from './steps.ts'
import { TableTrouble } from './table-trouble.ts'
import { makeTables } from './tables.ts'
import { Trouble } from './trouble.ts'

export interface PlayOptions {
  /** URL of a database of its own, empty. */
  readonly database: string
  readonly rows: number
  readonly seed: number
  /** @param rows accepted so far */
  readonly onProgress?: (rows: number) => void
  /** Breaks the promise on purpose, before tables are held against what was sent. */
  readonly sabotage?: (db: pg.Client) => Promise<unknown>
}

export interface Played {
  /** Promises that were broken, in words. */
  readonly broken: readonly string[]
  readonly rows: number
  readonly batches: number
  readonly records: number
  readonly invocations: number
  readonly rejected: number
  readonly setAside: number
  /** How often each fault was met at each step. */
  readonly faults: Readonly<Record<string, number>>
  /** Pairs of step and fault that were not met. */
  readonly unseen: readonly string[]
}

const forever = new AbortController().signal
const senders = 6
/** Virtual milliseconds, the shortest and the longest time that the database is away. */
const outage = { least: 1000, most: 600_000 }
/** Virtual time after the last batch in which processes still fail. */
const stillFailingMs = 900_000
/** Virtual time after that in which everything must have come to its end. */
const quietMs = 24 * 3_600_000

/**
 * Sends batches through the real door and the real consumer into a real Postgres, with the event source between them played in virtual time and
 * something going wrong at every step, and then holds tables, rejects and receipts against what was accepted. The same options play the same run.
 */
export async function play({ database, rows, seed, onProgress, sabotage }: PlayOptions): Promise<Played> {
  const db = new pg.Client({ connectionString: database })
  await db.connect()
  await makeTables(db)
  const random = randomFrom(seed)
  const clock = createVirtualClock()
  const trouble = new Trouble(randomFrom(seed + 1))
  const stream = createModelStream(clock, { shards: 1 + below(random, 3), pageSize: 50 + below(random, 1000) })
  const stage = new Stage(clock, stream, trouble)
  const submit = createDoor(stage)
  const account = new Account()
  const source = playSource(stage, createConsumer(stage, database), {
    batchSize: [1, 10, 100, 1000][below(random, 4)]!,
    windowMs: [0, 200, 1000][below(random, 3)]!,
    parallelization: 1 + below(random, 4),
    bisect: random() < 0.5,
  })
  const tables = new TableTrouble(stage, db, database)
  const drainer = createDrainer(stage, database)
  const batchRows = Math.max(1, Math.min(1500, Math.ceil(rows / 200)))

  async function send(number: number): Promise<void> {
    const numbers = randomFrom(seed + 100 + number)
    const sender = createSender(numbers, { number, senders, streams: 5, batchRows, unreadable: 0.004, refused: 0.002, repeated: 0.02 })
    while (account.rows < rows) {
      const batch = sender.next(batchRows * 2)
      await disturb(stage, tables, source, numbers)
      // Or all that comes later would only come after it.
      if (stage.databaseIsAway && numbers() < 0.7) await clock.sleep(stage.awayUntil - clock.now(), forever)
      const load = await untilAccepted(stage, submit, batch, numbers)
      account.accept(load, batch)
      onProgress?.(account.rows)
      await clock.sleep(below(numbers, 1500), forever)
    }
  }

  try {
    source.start()
    drainer.start()
    await clock.run(Promise.all(Array.from({ length: senders }, (_, number) => send(number))))
    stage.awayUntil = 0
    await tables.mend()
    const isOver = (): boolean =>
      stage.parking.marks.size === 0 && [...stage.loads.items.values()].every(({ state }) => state !== 'receiving' && state !== 'loading')
    const untilOver = async (longest: number): Promise<void> => {
      for (const end = clock.now() + longest; !isOver() && clock.now() < end; ) await clock.run(clock.now() + 5_000)
    }
    // What waits is drained while processes still die.
    await untilOver(stillFailingMs)
    trouble.healed = true
    await untilOver(quietMs)
    await source.stop()
    await clock.run(drainer.stop())
    const matrix = new Matrix(pairsOf(batchSteps))
    for (const what of batchFaults) matrix.saw(pairOf(what), trouble.counts[what])
    await sabotage?.(db)
    const broken = [...source.broken, ...(await findBroken(db, account, stage, clock.now()))]
    return {
      broken,
      rows: account.rows,
      batches: account.loads.size,
      records: stage.records,
      invocations: stage.invocations,
      rejected: account.rejects.size,
      setAside: stage.setAside.length,
      faults: matrix.counts,
      unseen: matrix.unseen,
    }
  } finally {
    await db.end()
  }
}

/** Sends a batch until it is accepted, as a client that knows nothing but the answers. @returns its load */
async function untilAccepted(
  { clock, trouble }: Stage,
  submit: ReturnType<typeof createDoor>,
  batch: Batch,
  random: () => number,
): Promise<string> {
  for (;;) {
    const twice = trouble.happens('the batch is sent twice at once')
    const answers = await Promise.all([submit(batch), ...(twice ? [submit(batch)] : [])])
    const load = answers.find((answer) => answer.load !== undefined)?.load
    if (load !== undefined && !trouble.happens('the answer is lost, and the batch sent again')) return load
    const waitMs = Math.max(...answers.map(({ retryAfterMs }) => retryAfterMs ?? 0))
    await clock.sleep(waitMs + below(random, 1000), forever)
  }
}

/** What happens to the world between batches. */
async function disturb(stage: Stage, tables: TableTrouble, source: ReturnType<typeof playSource>, random: () => number): Promise<void> {
  const { stream, trouble, clock } = stage
  const table = tables.any(random)
  if (table && tables.isAlterable && trouble.occurs('a table is altered for a time')) await tables.alter(table, random)
  else if (table && trouble.occurs('a table is renamed for a time')) await tables.rename(table, random)
  else if (table && trouble.occurs('a table is locked for a time')) await tables.lock(table, random)
  else if (table && trouble.occurs('a table is slow for a time')) await tables.slow(table, random)
  const openShards = [...stream.openShards]
  const shard = below(random, openShards.length)
  if (openShards.length < 8 && trouble.occurs('a shard is split')) stream.split(openShards[shard]!)
  else if (openShards.length > 1 && trouble.occurs('two shards are merged'))
    stream.merge(openShards[shard]!, openShards[(shard + 1) % openShards.length]!)
  if (trouble.occurs('the event source is killed')) source.kill()
  if (trouble.occurs('a record that is no envelope is put into the stream')) stage.putPoison(`no envelope ${random()}`)
  if (trouble.occurs('an envelope of another version is put into the stream')) stage.putPoison(`MR\u0002${random()}`)
  if (trouble.occurs('a record is put into the stream a second time')) stage.putAgain(random())
  if (!stage.databaseIsAway && trouble.occurs('the database is away for a time'))
    stage.awayUntil = clock.now() + Math.round(outage.least * (outage.most / outage.least) ** random())
}

/** The event source over the stage's stream: killed and started again it goes on from what it had stored. */
function playSource(stage: Stage, invoke: Ports['invoke'], settings: Parameters<typeof exampleMapping>[0]) {
  const { clock, stream } = stage
  const mapping = exampleMapping(settings)
  const broken: string[] = []
  let stored: Checkpoint | undefined
  let life = { dead: false }
  let stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()

  function portsOf(mine: typeof life): Ports {
    const alive = whileAlive(mine)
    return {
      ...mortalPorts(mine, clock, stream),
      invoke: (event) => alive(() => invoke(event)),
      sendFailure: async () => void broken.push('the event source gave records up, which it was told never to do'),
      checkpoints: {
        load: () => alive(async () => stored),
        save: (checkpoint) =>
          alive(async () => {
            stored = structuredClone(checkpoint)
          }),
      },
      log: () => {},
    }
  }
  function start(): void {
    life = { dead: false }
    stopping = new AbortController()
    running = runEventSource(mapping, portsOf(life), stopping.signal)
    running.catch((error: unknown) => broken.push(`the event source ended: ${error}`))
  }
  return {
    broken,
    start,
    kill(): void {
      life.dead = true
      start()
    },
    async stop(): Promise<void> {
      stopping.abort()
      await clock.run(running)
    },
  }
}
