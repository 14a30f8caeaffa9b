import type { Clock } from './ports.ts'

/** Lets one loop wait until another has something for it, or until a time has passed. */
export interface Gate {
  open(): void
  wait(milliseconds?: number): Promise<void>
}

export function createGate(clock: Clock): Gate {
  let next = Promise.withResolvers<void>()
  return {
    open() {
      next.resolve()
      next = Promise.withResolvers()
    },
    async wait(milliseconds) {
      const { promise } = next
      if (milliseconds === undefined) return await promise
      const timer = new AbortController()
      await Promise.race([promise, clock.sleep(milliseconds, timer.signal)])
      timer.abort()
    },
  }
}
