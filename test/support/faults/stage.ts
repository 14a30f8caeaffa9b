import type { EnvelopeHeader } from '#core/batches/envelope.ts'
import type { LoadError } from '#core/errors.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { MemoryBreaker } from '../memory-breaker.ts'
import { MemoryLoads } from '../memory-loads.ts'
import { MemoryParking } from '../memory-parking.ts'
import { createModelQueue, type ModelQueue } from '../model-queue.ts'
import type { ModelStream } from '../model-stream.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import { Struck, type Trouble } from './trouble.ts'

/** Milliseconds by which a clock may be wrong. */
const mostSkew = 300_000

/** What door and consumer share: the stream, DynamoDB and S3 in memory, by their rules. Postgres is real. */
export class Stage {
  readonly parking = new MemoryParking()
  readonly loads = new MemoryLoads<BatchLoad>()
  /** By load and chunk, as objects of S3 are: stored again they are replaced. */
  readonly rejects = new Map<string, readonly string[]>()
  readonly setAside: { readonly data: Buffer; readonly header: EnvelopeHeader | undefined; readonly reason: LoadError }[] = []
  /** Epoch milliseconds, virtual. */
  awayUntil = 0
  /** Datasets whose records are parked. */
  readonly parkedQueue: ModelQueue
  readonly breaker = new MemoryBreaker()
  invocations = 0
  records = 0
  /** What was put into the stream to be set aside. */
  readonly poison = new Set<string>()
  /** The last records of the door. */
  readonly #recent: { readonly key: string; readonly data: Buffer }[] = []
  readonly clock: VirtualClock
  readonly stream: ModelStream
  readonly trouble: Trouble
  #last: Promise<unknown> = Promise.resolve()
  #dead = false
  /** Milliseconds by which the clock of the process that runs is ahead. */
  #skew = 0

  constructor(clock: VirtualClock, stream: ModelStream, trouble: Trouble) {
    this.clock = clock
    this.stream = stream
    this.trouble = trouble
    this.parkedQueue = createModelQueue({ name: 'parked', clock, random: () => 0, visibility: 45 })
  }

  get databaseIsAway(): boolean {
    return this.clock.now() < this.awayUntil
  }

  put(key: string, data: Buffer): string {
    this.records++
    this.#recent.push({ key, data })
    if (this.#recent.length > 100) this.#recent.shift()
    return this.stream.put(key, data)
  }
  /** @param pick from 0 to below 1 */
  putAgain(pick: number): void {
    const again = this.#recent[Math.floor(pick * this.#recent.length)]
    if (again) this.stream.put(again.key, again.data)
  }
  putPoison(text: string): void {
    this.poison.add(text)
    this.stream.put(text, text)
  }

  /**
   * Runs a function of ours as one process, time standing still: one after the other, so that the same seed always plays the same.
   * Once it has died nothing that it asks for is done any more.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      this.#dead = false
      this.#skew = this.#nextSkew()
      const result = await work().finally(() => {
        if (this.#dead) throw new Struck('the process is dead')
      })
      return result
    })
    this.#last = turn.catch(() => undefined)
    return this.clock.busy(turn)
  }

  /** What the process that runs takes the time to be, epoch milliseconds. */
  readonly now = (): number => this.clock.now() + this.#skew

  #nextSkew(): number {
    if (this.trouble.happens('the clock of a function is ahead')) return mostSkew
    return this.trouble.happens('the clock of a function is behind') ? -mostSkew : 0
  }

  get processIsDead(): boolean {
    return this.#dead
  }
  /** The process that runs dies, if it is its time. */
  die(fault: Parameters<Trouble['happens']>[0]): void {
    if (this.trouble.happens(fault)) this.#dead = true
    this.alive()
  }
  /** What a dead process asks for. */
  alive(): void {
    if (this.#dead) throw new Struck('the process is dead')
  }
}
