import type pg from 'pg'
import { createModelQueue, type ModelQueue } from '../../model-queue.ts'
import type { Random } from '../../random.ts'
import type { VirtualClock } from '../../virtual-clock.ts'
import { FileLoads } from './loads.ts'
import { RejectSet } from './rejects.ts'
import { Tables } from './table-trouble.ts'
import type { FileTrouble } from './trouble.ts'

/** A way to break the promise on purpose: the run must then say so. */
export type Sabotage = 'skipped commit' | 'changed value' | 'lost row' | 'extra row'

export interface WorldOptions {
  readonly database: string
  /** Whoever alters and locks tables. */
  readonly admin: pg.Client
  readonly clock: VirtualClock
  readonly trouble: FileTrouble
  readonly random: Random
  readonly sabotage: readonly Sabotage[]
}

/** Seconds, as `infra` sets them: the timeout of the function. */
const visibility = { plan: 60, chunks: 900, deadLetters: 120 }
const receives = 5
/** Milliseconds, the shortest and the longest time that the database is away. */
const outage = { least: 1000, most: 600_000 }

/** What the functions share: Postgres, which is real, and queues, items and objects in memory, by AWS's rules. */
export class World {
  readonly database: string
  readonly clock: VirtualClock
  readonly trouble: FileTrouble
  readonly loads = new FileLoads()
  readonly objects = new Map<string, Buffer>()
  readonly rejects = new RejectSet()
  readonly tables: Tables
  readonly planQueue: ModelQueue
  readonly chunkQueue: ModelQueue
  readonly deadLetters: ModelQueue
  /** Promises that were broken, in words. */
  readonly broken: string[] = []
  /** Processes that are alive. */
  readonly processes = new Set<{ readonly cutConnections: () => void }>()
  /** Loads of which a message was never delivered: nobody but a person can go on. */
  readonly undelivered = new Set<string>()
  invocations = 0
  /** Epoch milliseconds, virtual. */
  awayUntil = 0
  /** Milliseconds of outages so far. */
  away = 0
  breakerOpenSince: string | undefined
  probeUntil = 0
  /** By dataset: rows that were sent. */
  readonly #sent = new Map<string, number>()
  readonly sabotage: readonly Sabotage[]
  #commits = 0
  #processes = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor({ database, admin, clock, trouble, random, sabotage }: WorldOptions) {
    this.database = database
    this.clock = clock
    this.trouble = trouble
    this.sabotage = sabotage
    this.tables = new Tables(admin, clock)
    const common = { clock, random }
    this.deadLetters = createModelQueue({
      ...common,
      name: 'dead-letters',
      visibility: visibility.deadLetters,
      whim: this.#whim('dead letters'),
    })
    const work = { ...common, maxReceives: receives, deadLetters: this.deadLetters }
    this.planQueue = createModelQueue({ ...work, name: 'plan', visibility: visibility.plan, whim: this.#whim('plan queue') })
    this.chunkQueue = createModelQueue({ ...work, name: 'chunk', visibility: visibility.chunks, whim: this.#whim('chunk queue') })
  }

  /**
   * Does real work in virtual time: one piece after the other, so that the same seed plays the same, while the clock
   * stands still.
   */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => undefined)
    return this.clock.busy(mine)
  }

  /** For a time that is as often short as long. */
  takeDatabaseAway(load: string | undefined): void {
    const milliseconds = Math.round(
      outage.least * (outage.most / outage.least) ** (this.trouble.between(0, 1000, `${load} ${this.away}`) / 1000),
    )
    this.awayUntil = this.clock.now() + milliseconds
    this.away += milliseconds
    for (const process of this.processes) process.cutConnections()
  }

  sent(dataset: string, rows: number): void {
    this.#sent.set(dataset, this.rowsOf(dataset) + rows)
  }
  rowsOf(dataset: string): number {
    return this.#sent.get(dataset) ?? 0
  }

  /** Milliseconds by which the clock of the next process is ahead: of two in three it is off. */
  nextSkew(): number {
    const key = `process ${this.#processes++}`
    const by = this.trouble.between(1000, 300_000, key)
    const fault = ([undefined, 'ahead', 'behind'] as const)[this.trouble.between(0, 2, `way of ${key}`)]
    if (fault) this.trouble.saw({ part: 'clock', step: 'of a function', fault })
    return fault === 'behind' ? -by : fault ? by : 0
  }

  skipsCommit(): boolean {
    return this.sabotage.includes('skipped commit') && ++this.#commits % 5 === 0
  }

  /** Loads that a message of any queue is about. */
  static loadsOf(body: string): string[] {
    return body.match(/ld_[0-9a-z]{26}/g) ?? []
  }

  #whim(queue: string) {
    return (body: string) => {
      const load = World.loadsOf(body)[0]
      const fault = this.trouble.at(queue, 'message', load, { faults: 0 })
      if (fault === 'never') this.undelivered.add(load!)
      return { copies: fault === 'never' ? 0 : fault === 'twice' ? 2 : 1, late: fault === 'late' ? this.trouble.between(10, 900, body) : 0 }
    }
  }
}
