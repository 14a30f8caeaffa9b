import type { Random } from '../random.ts'

/** Everything that goes wrong in a run, with how probable it is each time it can. */
const probable = {
  'the database connection dies at a statement': 0.006,
  'the database connection dies before a commit': 0.08,
  'the database connection dies after a commit': 0.08,
  'the consumer dies before it shows what it committed': 0.02,
  'the consumer dies before it ends a load': 0.01,
  'the projection fails': 0.004,
  'a record cannot be set aside': 0.1,
  'the rejects cannot be stored': 0.05,
  'the consumer dies before it counts what it parked': 0.03,
  'the consumer dies before it sends for a drainer': 0.03,
  'the drainer dies before it lets go of what it committed': 0.02,
  'the drainer dies before it takes the mark away': 0.3,
  'the drainer dies before it sends for the next': 0.05,
  'the stream takes a part of the records': 0.05,
  'the stream takes records and does not say so': 0.02,
  'the door dies before it sends': 0.01,
  'the door dies after it sent': 0.01,
  'the stream does not answer': 0.02,
  'the time of the door is over': 0.3,
  'the load item cannot be written': 0.01,
  'the load item is written, and the answer lost': 0.01,
  'the answer is lost, and the batch sent again': 0.03,
  'the batch is sent twice at once': 0.02,
  'the clock of a function is ahead': 0.02,
  'the clock of a function is behind': 0.02,
} as const

/** What happens to the run as a whole, each about once in so many batches. */
const events = {
  'the database is away for a time': 1 / 60,
  'a table is altered for a time': 1 / 50,
  'a table is renamed for a time': 1 / 70,
  'a table is locked for a time': 1 / 60,
  'a table is slow for a time': 1 / 250,
  'a shard is split': 1 / 60,
  'two shards are merged': 1 / 80,
  'the event source is killed': 1 / 50,
  'a record that is no envelope is put into the stream': 1 / 50,
  'an envelope of another version is put into the stream': 1 / 80,
  'a record is put into the stream a second time': 1 / 40,
} as const

export type Fault = keyof typeof probable
export type Event = keyof typeof events

/** Decides what goes wrong, from the run's own numbers, and counts it. */
export class Trouble {
  readonly counts: Record<string, number> = Object.fromEntries([...Object.keys(probable), ...Object.keys(events)].map((name) => [name, 0]))
  /** Nothing goes wrong any more: what is under way may come to its end. */
  healed = false
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  happens(fault: Fault): boolean {
    return this.#draw(fault, probable[fault])
  }
  /** Asked once for each batch. */
  occurs(event: Event): boolean {
    return this.#draw(event, events[event])
  }
  /** Throws what stands for a process that is no more, or a service that does not answer. */
  strike(fault: Fault): void {
    if (this.happens(fault)) throw new Struck(fault)
  }

  /** Of two records one is not taken. */
  isHalf(): boolean {
    return this.#random() < 0.5
  }

  #draw(what: string, probability: number): boolean {
    if (this.healed || this.#random() >= probability) return false
    this.counts[what]!++
    return true
  }
}

/** Looks to our code like a connection that broke: something to be tried again. */
export class Struck extends Error {
  readonly code = 'ECONNRESET'
}
