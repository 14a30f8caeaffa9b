import { createEventWriter } from './event.ts'
import { compileFilters } from './filter.ts'
import { createGate } from './gate.ts'
import { createLane } from './lane.ts'
import type { Page, Ports, Position, StreamRecord } from './ports.ts'
import { leastPollMs, payloadLimit, pollMs, retryDelay } from './rules.ts'
import type { Mapping } from './settings.ts'
import { createShardProgress } from './shard-progress.ts'

export interface ShardContext {
  readonly mapping: Mapping
  readonly roleArn: string
  readonly ports: Ports
  readonly shardId: string
  readonly position: Position
  readonly signal: AbortSignal
  /** All before it is done. */
  readonly checkpoint: (sequenceNumber: string) => void
}

/** Which lane a key goes to (FNV-1a). Undocumented on AWS beyond that a key keeps its order. */
function laneOf(partitionKey: string, lanes: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < partitionKey.length; i++) hash = Math.imul(hash ^ partitionKey.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % lanes
}

/**
 * Reads a shard and delivers it. @returns true when the shard has ended and everything in it is done.
 *
 * Memory is bounded: no page is read while the lanes hold a full payload each, or twice their batches (a page is 10 MB at most). A lane that is
 * stuck can so hold up the others of its shard; on AWS, too, "a bad record can block processing on the affected shard" (page
 * kinesis-on-failure-destination).
 */
export async function consumeShard({ mapping, roleArn, ports, shardId, position, signal, checkpoint }: ShardContext): Promise<boolean> {
  const { clock, log, source } = ports
  const matches = compileFilters(mapping.filters)
  const writer = createEventWriter(mapping, shardId, roleArn)
  const progress = createShardProgress()
  const room = createGate(clock)
  const held = new Map<StreamRecord, { readonly bytes: number; readonly settle: () => void }>()
  let heldBytes = 0
  signal.addEventListener('abort', () => room.open(), { once: true })

  const settled = (settle: () => void): void => {
    const before = progress.checkpoint
    settle()
    if (progress.checkpoint !== undefined && progress.checkpoint !== before) checkpoint(progress.checkpoint)
  }
  const done = (record: StreamRecord): void => {
    const item = held.get(record)
    if (!item) return
    held.delete(record)
    heldBytes -= item.bytes
    settled(item.settle)
    room.open()
  }
  const lanes = Array.from({ length: mapping.parallelization }, () => createLane({ mapping, ports, shardId, writer, signal, done }))
  const isFull = (): boolean =>
    heldBytes > mapping.parallelization * payloadLimit || progress.open > Math.max(10_000, 2 * mapping.parallelization * mapping.batchSize)

  /** Page invocation-eventfiltering: after the filters "the streams iterator advances past this record", also past one that is not delivered. */
  function take(record: StreamRecord): void {
    const settle = progress.read(record.sequenceNumber)
    if (!matches(record)) {
      settled(settle)
      return
    }
    const bytes = writer.size(record)
    held.set(record, { bytes, settle })
    heldBytes += bytes
    lanes[laneOf(record.partitionKey, lanes.length)]?.add(record, bytes)
  }

  /** @returns true at the shard's end, false when stopped. */
  async function readAll(): Promise<boolean> {
    let reader = source.open(shardId, position)
    let last = position
    for (let failures = 0; !signal.aborted; ) {
      let page: Page
      try {
        page = await reader.read()
        failures = 0
      } catch (error) {
        failures++
        log(`${shardId}: could not be read: ${error}; again in ${retryDelay(failures)} ms`)
        await clock.sleep(retryDelay(failures), signal)
        reader = source.open(shardId, last)
        continue
      }
      if (signal.aborted) return false
      page.records.forEach(take)
      const newest = page.records.at(-1)
      if (newest) last = { from: 'after', sequenceNumber: newest.sequenceNumber }
      if (page.ended) return true
      while (isFull() && !signal.aborted) await room.wait()
      await clock.sleep(page.behind || newest ? leastPollMs : pollMs, signal)
    }
    return false
  }

  async function feed(): Promise<boolean> {
    try {
      return await readAll()
    } finally {
      for (const lane of lanes) lane.close()
    }
  }

  const [ended] = await Promise.all([feed(), ...lanes.map((lane) => lane.run())])
  return ended && progress.open === 0
}
