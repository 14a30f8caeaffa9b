import { setImmediate as afterMicrotasks } from 'node:timers/promises'
import type { Clock } from '../../localstack/event-source/ports.ts'

/**
 * Time that passes only when nothing else can happen: hours of retries in milliseconds, and always in the same order.
 * What does real I/O (a handler on a database) is wrapped in `busy`: time stands still until it is done.
 */
export interface VirtualClock extends Clock {
  busy<T>(work: Promise<T>): Promise<T>
  /** Lets time pass to this moment, or until the promise is settled. */
  run(until: number | Promise<unknown>): Promise<void>
}

export function createVirtualClock(): VirtualClock {
  let now = Date.parse('2026-01-01T00:00:00Z')
  let working = 0
  let order = 0
  let timers: { at: number; order: number; ring: () => void }[] = []

  async function settle(): Promise<void> {
    do await afterMicrotasks()
    while (working > 0)
  }
  return {
    now: () => now,
    sleep(milliseconds, signal) {
      if (signal.aborted) return Promise.resolve()
      return new Promise((done) => {
        const timer = { at: now + Math.max(0, milliseconds), order: order++, ring: done }
        timers.push(timer)
        const cancel = () => {
          timers = timers.filter((other) => other !== timer)
          done()
        }
        signal.addEventListener('abort', cancel, { once: true })
        timer.ring = () => {
          signal.removeEventListener('abort', cancel)
          done()
        }
      })
    },
    async busy(work) {
      working++
      try {
        return await work
      } finally {
        working--
      }
    },
    async run(until) {
      let over = false
      if (typeof until !== 'number') {
        const end = () => {
          over = true
        }
        until.then(end, end)
      }
      for (await settle(); !over; await settle()) {
        const next = timers.reduce<(typeof timers)[number] | undefined>(
          (first, timer) => (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order) ? timer : first),
          undefined,
        )
        if (typeof until === 'number' && (!next || next.at > until)) {
          now = Math.max(now, until)
          return
        }
        if (!next) throw new Error('Nothing can happen any more, and what was waited for has not happened.')
        timers = timers.filter((timer) => timer !== next)
        now = next.at
        next.ring()
      }
    },
  }
}
