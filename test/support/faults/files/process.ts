import type pg from 'pg'
import type { Luck } from './trouble.ts'
import type { World } from './world.ts'

/** A service answered with an error, or not at all. No code, and so neither Postgres nor a socket. */
export class ServiceFailure extends Error {}
/** What a process that is dead is told, whatever it asks for. */
export class Dead extends Error {}

/** One delivery in work. */
export interface Invocation extends Luck {
  /** What it is about. */
  readonly load: string | undefined
  /** Virtual milliseconds that it has waited, on top of the clock, which stands still meanwhile. */
  waited: number
  /** Real milliseconds after which its time is over, where that is to be met. */
  timeLimit: number | undefined
  /** What the function failed with. */
  error: unknown
  readonly began: number
}

export const newInvocation = (load?: string): Invocation => ({
  load,
  faults: 0,
  waited: 0,
  timeLimit: undefined,
  error: undefined,
  began: performance.now(),
})

/** Milliseconds of an invocation. */
const timeout = 900_000

/**
 * A process of one of our functions, warm between invocations, until it dies. Everything it asks of the world goes
 * through `step`.
 */
export class Process {
  readonly part: string
  readonly world: World
  /** Milliseconds by which its clock is ahead. */
  readonly skew: number
  readonly sockets = new Set<pg.Client>()
  invocation = newInvocation()
  dead = false

  constructor(world: World, part: string) {
    this.world = world
    this.part = part
    this.skew = world.nextSkew()
  }

  readonly now = (): number => this.world.clock.now() + this.invocation.waited + this.skew
  readonly timeLeft = (): number => {
    const { timeLimit, began, waited } = this.invocation
    return timeLimit === undefined ? timeout - waited : timeLimit - (performance.now() - began)
  }
  readonly pause = async (milliseconds: number): Promise<void> => {
    this.alive()
    this.invocation.waited += milliseconds
  }
  get databaseIsAway(): boolean {
    return this.world.clock.now() + this.invocation.waited < this.world.awayUntil
  }

  /** The fault that a step has, if any. */
  fault(step: string, barred: readonly string[] = []): string | undefined {
    return this.world.trouble.at(this.part, step, this.invocation.load, this.invocation, barred)
  }

  /** Asks a service for something, with the faults that the list has for that step. */
  async step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    this.alive()
    const fault = this.fault(name)
    if (fault === 'dies before') this.die()
    if (fault === 'fails') throw new ServiceFailure(`${name}: the service does not answer`)
    const done = await work()
    this.alive()
    if (fault === 'dies after') this.die()
    if (fault === 'answer lost') throw new ServiceFailure(`${name}: done, and the answer is lost`)
    return done
  }

  die(): never {
    this.dead = true
    this.cutConnections()
    throw new Dead('the process is dead')
  }
  alive(): void {
    if (this.dead) throw new Dead('the process is dead')
  }
  /** As a line that breaks: what the server had not committed it rolls back; this side cannot know which it was. */
  cutConnections(): void {
    for (const client of this.sockets) (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    this.sockets.clear()
  }
}
