import type { Checkpoint, Ports, ShardMark } from './ports.ts'
import { retryDelay } from './rules.ts'

/** The checkpoint in memory and in its store. Many changes become one save; a save that fails is tried again. */
export interface Marks {
  readonly shards: Readonly<Record<string, ShardMark>>
  set(shard: string, mark: ShardMark): void
  forget(shard: string): void
  /** Until everything that was set is stored, or the signal is aborted and one last save was tried. */
  flush(): Promise<void>
}

export function createMarks(
  { checkpoints, clock, log }: Pick<Ports, 'checkpoints' | 'clock' | 'log'>,
  first: Checkpoint['shards'],
  signal: AbortSignal,
): Marks {
  const shards: Record<string, ShardMark> = { ...first }
  let changed = false
  let saving: Promise<void> | undefined

  async function save(): Promise<void> {
    for (let failures = 0; changed; ) {
      changed = false
      try {
        await checkpoints.save({ shards: { ...shards } })
        failures = 0
      } catch (error) {
        changed = true
        failures++
        log(`The checkpoint could not be saved: ${error}; again in ${retryDelay(failures)} ms`)
        if (signal.aborted) return
        await clock.sleep(retryDelay(failures), signal)
      }
    }
  }
  const start = (): Promise<void> => {
    saving ??= save().finally(() => {
      saving = undefined
    })
    return saving
  }
  const change = (): void => {
    changed = true
    start().catch((error: unknown) => log(`The checkpoint could not be saved: ${error}`))
  }
  return {
    shards,
    set(shard, mark) {
      shards[shard] = mark
      change()
    },
    forget(shard) {
      delete shards[shard]
      change()
    },
    async flush() {
      await start()
    },
  }
}
