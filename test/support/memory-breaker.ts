import type { Breaker } from '#platform/postgres/breaker.ts'

/** The state of the database in memory, for processes that share one. `probes` counts who asked for the turn and got it. */
export class MemoryBreaker implements Breaker {
  since: string | undefined
  probes = 0
  #probeUntil = 0
  readonly #probeEvery: number

  /** @param probeEvery milliseconds between two turns */
  constructor(probeEvery = 0) {
    this.#probeEvery = probeEvery
  }

  openSince = async (): Promise<string | undefined> => this.since
  open = async (): Promise<void> => {
    this.since ??= new Date().toISOString()
  }
  takeProbe = async (): Promise<boolean> => {
    if (Date.now() < this.#probeUntil) return false
    this.#probeUntil = Date.now() + this.#probeEvery
    this.probes++
    return true
  }
  close = async (): Promise<void> => {
    this.since = undefined
  }
}
