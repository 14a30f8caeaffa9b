import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../event-source/ports.ts'

export const realClock: Clock = {
  now: Date.now,
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, { signal }).catch(() => {}),
}
