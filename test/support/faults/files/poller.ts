import type { Context, SQSBatchResponse, SQSEvent, SQSHandler } from 'aws-lambda'
import type { Delivery, ModelQueue } from '../../model-queue.ts'
import { Dead, newInvocation, type Process } from './process.ts'
import { World } from './world.ts'

/** A function as Lambda runs it: a process, and what it does with a delivery. */
export interface Running {
  readonly process: Process
  readonly handler: SQSHandler
}

const forever = new AbortController().signal
/** Virtual milliseconds: between two looks at an empty queue, and what an invocation takes at least. */
const [idle, shortest] = [1000, 200]
/** Processes are replaced after so many invocations. */
const lifetime = 40

/**
 * Lambda's poller of a queue, with one message an invocation: a simulator by docs.aws.amazon.com/lambda/latest/dg/
 * with-sqs and services-sqs-errorhandling.
 * A message is deleted when the function has returned and has not named it in `batchItemFailures`; any other stays
 * hidden for as long as it is.
 */
export class Poller {
  readonly #world: World
  readonly #queue: ModelQueue
  readonly #create: () => Running
  readonly #warm: { readonly running: Running; invocations: number }[] = []
  /** Messages that every function dies of. */
  readonly #cursed = new Set<string>()
  #stopped = false
  #slots: Promise<void>[] = []

  constructor(world: World, queue: ModelQueue, create: () => Running) {
    this.#world = world
    this.#queue = queue
    this.#create = create
  }

  /** @param slots functions that may run at once */
  start(slots: number): void {
    this.#slots = Array.from({ length: slots }, () => this.#poll())
    for (const slot of this.#slots) slot.catch((error: unknown) => this.#world.broken.push(`the poller ended: ${error}`))
  }
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#slots)
  }

  async #poll(): Promise<void> {
    const { clock } = this.#world
    while (!this.#stopped) {
      const delivery = this.#queue.receive()
      if (delivery) await this.#deliver(delivery)
      else await clock.sleep(idle, forever)
    }
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { trouble, clock } = this.#world
    const fault = this.#cursed.has(delivery.id)
      ? undefined
      : trouble.at(`${this.#queue.name} queue`, 'delivery', World.loadsOf(delivery.body)[0], { faults: 0 })
    if (fault === 'dies every time') this.#cursed.add(delivery.id)
    const twice = fault === 'twice at once'
    const [done, waited] = await this.#world.turn(async () => {
      const outcomes = await Promise.all([this.#invoke(delivery), ...(twice ? [this.#invoke(delivery)] : [])])
      await this.#world.tables.mend()
      return [outcomes.some(({ done }) => done), Math.max(...outcomes.map(({ waited }) => waited))] as const
    })
    await clock.sleep(shortest + waited, forever)
    if (done) this.#queue.delete(delivery.receipt)
  }

  async #invoke({ id, receipt, body, received }: Delivery): Promise<{ done: boolean; waited: number }> {
    const world = this.#world
    world.invocations++
    const slot = this.#warm.pop() ?? { running: this.#create(), invocations: 0 }
    const { process, handler } = slot.running
    world.processes.add(process)
    process.invocation = newInvocation(World.loadsOf(body)[0])
    const attributes = { ApproximateReceiveCount: String(received) }
    const event = { Records: [{ messageId: id, receiptHandle: receipt, body, attributes, eventSourceARN: this.#queue.arn }] }
    const context = { getRemainingTimeInMillis: process.timeLeft } as Context
    let done = false
    if (this.#cursed.has(id)) {
      // Out of memory, say: no code of ours gets to know.
      process.invocation.faults++
      process.dead = true
    }
    try {
      const answer = await (handler(event as unknown as SQSEvent, context, () => undefined) as Promise<SQSBatchResponse>)
      done = answer.batchItemFailures.length === 0
    } catch (error) {
      process.invocation.error = error
    }
    if (done && !process.dead && process.fault('delete message') === 'dies before') done = false
    const { error, faults, waited } = process.invocation
    const isOurDoing = error instanceof Dead || faults > 0 || process.dead
    if (!done && !isOurDoing) world.broken.push(`${process.part} failed, and nothing explains it: ${error}, at ${body}`)
    if (process.dead || ++slot.invocations >= lifetime) await this.#end(process)
    else this.#warm.push(slot)
    return { done: done && !process.dead, waited }
  }

  async #end(process: Process): Promise<void> {
    this.#world.processes.delete(process)
    for (const client of process.sockets) await client.end().catch(() => undefined)
  }

  async close(): Promise<void> {
    for (const { running } of this.#warm) await this.#end(running.process)
  }
}
