import type { Clock, Ports, Source } from '../../localstack/event-source/ports.ts'

/** A process that may be killed. */
export interface Life {
  dead: boolean
}

/** What a process that was killed asked for never comes back to it. */
export const whileAlive =
  (life: Life) =>
  async <T>(ask: () => Promise<T>): Promise<T> => {
    if (life.dead) return await new Promise<never>(() => {})
    try {
      return await ask()
    } finally {
      if (life.dead) await new Promise<never>(() => {})
    }
  }

/** Time and stream of an event source that may be killed. */
export function mortalPorts(life: Life, clock: Clock, stream: Source): Pick<Ports, 'clock' | 'source'> {
  const alive = whileAlive(life)
  return {
    clock: { now: clock.now, sleep: (milliseconds, signal) => alive(() => clock.sleep(milliseconds, signal)) },
    source: {
      listShards: () => alive(stream.listShards),
      open(shard, position) {
        const reader = stream.open(shard, position)
        return { read: () => alive(reader.read) }
      },
    },
  }
}
