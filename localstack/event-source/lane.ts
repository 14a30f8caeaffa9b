import { randomUUID } from 'node:crypto'
import { afterInvocation, beginDelivery, type Delivery, nextStep, type Step } from './delivery.ts'
import type { EventWriter } from './event.ts'
import { failureMetadata } from './failure-record.ts'
import { createGate } from './gate.ts'
import { createGathering } from './gathering.ts'
import { outcomeOf } from './outcome.ts'
import type { Invocation, Ports, StreamRecord } from './ports.ts'
import { payloadLimit, retryDelay } from './rules.ts'
import type { Mapping } from './settings.ts'

export interface LaneContext {
  readonly mapping: Mapping
  readonly ports: Ports
  readonly shardId: string
  readonly writer: EventWriter
  /** Stop: what is in flight is awaited, nothing new is begun. */
  readonly signal: AbortSignal
  /** A record succeeded or was given up. */
  readonly done: (record: StreamRecord) => void
}

/**
 * One of a shard's ParallelizationFactor lanes: one batch at a time, in order. Page with-kinesis: with concurrent batches "Lambda still
 * ensures in-order processing at the partition-key level". Records come to a lane by their key, so the lanes of a shard never share one.
 */
export interface Lane {
  add(record: StreamRecord, bytes: number): void
  /** No more records come. */
  close(): void
  /** Ends when it was closed and everything is delivered, or on the signal. */
  run(): Promise<void>
}

export function createLane({ mapping, ports, shardId, writer, signal, done }: LaneContext): Lane {
  const { clock, log } = ports
  const gathering = createGathering(mapping)
  const gate = createGate(clock)
  let closed = false
  signal.addEventListener('abort', () => gate.open(), { once: true })

  async function nextBatch(): Promise<readonly StreamRecord[] | undefined> {
    while (!signal.aborted) {
      const gathered = gathering.take(clock.now())
      if (gathered.kind === 'batch') return gathered.records
      if (gathered.kind === 'empty' && closed) return undefined
      await gate.wait(gathered.kind === 'gathering' ? gathered.ms : undefined)
    }
    return undefined
  }

  async function deliver(batch: readonly StreamRecord[]): Promise<void> {
    for (let delivery: Delivery = beginDelivery(batch); !signal.aborted; ) {
      const step = nextStep(delivery, clock.now(), mapping)
      if (step.kind === 'finished') return
      if (step.kind === 'give-up') {
        if (!(await giveUp(step))) return
        step.records.forEach(done)
        delivery = step.rest
        continue
      }
      const { records } = step.piece
      const invocation = await invoke(records)
      const outcome = outcomeOf(invocation, records, mapping.reportsItemFailures)
      const progress = afterInvocation(delivery, invocation, outcome, mapping)
      progress.succeeded.forEach(done)
      delivery = progress.delivery
      if (outcome.kind === 'succeeded') continue
      const what = outcome.kind === 'not-invoked' ? 'was not invoked' : 'failed'
      const next = progress.bisected ? 'split' : `again in ${progress.waitMs} ms`
      log(`${shardId}: the function ${what} for ${describe(records)}: ${outcome.reason}; ${next}`)
      if (progress.waitMs > 0) await clock.sleep(progress.waitMs, signal)
    }
  }

  async function invoke(records: readonly StreamRecord[]): Promise<Invocation> {
    const event = writer.write(records)
    if (Buffer.byteLength(event) <= payloadLimit) return await ports.invoke(event)
    // One record alone is too large, which AWS says nothing about: "other issues" that keep it from being invoked.
    return { kind: 'not-invoked', reason: `the event is over ${payloadLimit} bytes` }
  }

  /**
   * Until the destination has it: nothing is lost because a bucket was away. Undocumented: AWS only has a metric for it
   * (DestinationDeliveryFailures), and may well drop the records.
   * @returns false when stopped before that.
   */
  async function giveUp({ piece, records, condition }: Extract<Step, { kind: 'give-up' }>): Promise<boolean> {
    const at = clock.now()
    const metadata = failureMetadata(mapping, shardId, { condition, piece, records, requestId: randomUUID() }, at)
    log(`${shardId}: gave up ${describe(records)}: ${condition}${ports.sendFailure ? '' : '; there is no destination, so they are gone'}`)
    for (let failures = 1; ports.sendFailure; failures++) {
      if (signal.aborted) return false
      try {
        await ports.sendFailure({ shardId, metadata, payload: writer.write(records), at })
        return true
      } catch (error) {
        log(`${shardId}: the on-failure destination did not take ${describe(records)}: ${error}; again in ${retryDelay(failures)} ms`)
        await clock.sleep(retryDelay(failures), signal)
      }
    }
    return true
  }

  return {
    add(record, bytes) {
      gathering.add(record, bytes, clock.now())
      gate.open()
    },
    close() {
      closed = true
      gate.open()
    },
    async run() {
      for (let batch = await nextBatch(); batch; batch = await nextBatch()) await deliver(batch)
    },
  }
}

const describe = (records: readonly StreamRecord[]): string =>
  records.length === 1 ? `record ${records[0]?.sequenceNumber}` : `${records.length} records from ${records[0]?.sequenceNumber}`
