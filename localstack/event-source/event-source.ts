import { compileFilters } from './filter.ts'
import { createGate } from './gate.ts'
import { firstMarks, positionOfNew, readable } from './lineage.ts'
import { createMarks, type Marks } from './marks.ts'
import type { Ports, Shard } from './ports.ts'
import { listShardsMs, retryDelay } from './rules.ts'
import type { Mapping } from './settings.ts'
import { consumeShard } from './shard.ts'

/**
 * Plays AWS Lambda's event source for a Kinesis stream by what AWS has written. The rules are in files of their own, each with its page:
 *
 *     settings   what a mapping may ask for             delivery         retries, bisect, age, quota
 *     lineage    which shards, from where, in order     outcome          what a response says about its batch
 *     filter     which records                          failure-record   what is sent when a batch is given up
 *     gathering  batch size, window, 6 MB               shard-progress   checkpoints
 *
 * This file and shard.ts, lane.ts and marks.ts only join them to a clock and a stream.
 *
 * Runs until the signal; then it awaits what is in flight, and its checkpoint is stored. It may also be killed at any moment: what is not in the
 * checkpoint is delivered again.
 * @throws MappingRefused before anything is read.
 */
export async function runEventSource(mapping: Mapping, ports: Ports, signal: AbortSignal, roleArn = ''): Promise<void> {
  compileFilters(mapping.filters)
  const { clock, log } = ports
  const gate = createGate(clock)
  const running = new Map<string, Promise<void>>()
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {}) // seen below, and perhaps not yet waited for
  signal.addEventListener('abort', () => gate.open(), { once: true })

  async function consume(shard: Shard, marks: Marks): Promise<void> {
    const mark = marks.shards[shard.id] ?? { state: 'reading', position: positionOfNew(mapping.startingPosition) }
    if (mark.state === 'finished') return
    marks.set(shard.id, mark)
    log(`${shard.id}: reading from ${describe(mark.position)}`)
    const checkpoint = (sequenceNumber: string) => marks.set(shard.id, { state: 'reading', position: { from: 'after', sequenceNumber } })
    const ended = await consumeShard({ mapping, roleArn, ports, shardId: shard.id, position: mark.position, signal, checkpoint })
    if (!ended) return
    // Children's marks are saved in the same document as this, so after a crash they are never ahead of it.
    marks.set(shard.id, { state: 'finished' })
    log(`${shard.id}: finished`)
  }

  const listed = await listUntilItWorks(ports, signal)
  if (!listed) return
  const known = await ports.checkpoints.load()
  const marks = createMarks(ports, known?.shards ?? {}, signal)
  if (!known) {
    for (const [id, mark] of Object.entries(firstMarks(listed, mapping.startingPosition, clock.now()))) marks.set(id, mark)
    await marks.flush()
  }
  for (let shards: readonly Shard[] | undefined = listed; shards && !signal.aborted; shards = await listUntilItWorks(ports, signal)) {
    forgetGone(shards, marks)
    for (const shard of readable(shards, marks.shards)) {
      if (running.has(shard.id)) continue
      const ended = consume(shard, marks).finally(() => {
        running.delete(shard.id)
        gate.open()
      })
      ended.catch(broken.reject) // a bug: not for this file to go on after
      running.set(shard.id, ended)
    }
    await Promise.race([gate.wait(listShardsMs), broken.promise])
  }
  await Promise.all(running.values())
  await marks.flush()
}

async function listUntilItWorks({ source, clock, log }: Ports, signal: AbortSignal): Promise<readonly Shard[] | undefined> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await source.listShards()
    } catch (error) {
      log(`The shards could not be listed: ${error}; again in ${retryDelay(failures)} ms`)
      await clock.sleep(retryDelay(failures), signal)
    }
  }
  return undefined
}

/** A shard that left the stream (its records are past retention) needs no mark. */
function forgetGone(shards: readonly Shard[], marks: Marks): void {
  const listed = new Set(shards.map(({ id }) => id))
  for (const [id, mark] of Object.entries(marks.shards)) if (mark.state === 'finished' && !listed.has(id)) marks.forget(id)
}

const describe = (position: { readonly from: string; readonly sequenceNumber?: string; readonly at?: number }): string =>
  position.sequenceNumber ?? (position.at === undefined ? 'the trim horizon' : new Date(position.at).toISOString())
