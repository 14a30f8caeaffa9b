import { runEventSource } from '../../localstack/event-source/event-source.ts'
import type { Checkpoint, FailureRecord, Invocation, Ports } from '../../localstack/event-source/ports.ts'
import type { Mapping } from '../../localstack/event-source/settings.ts'
import { createLedger } from './event-source-ledger.ts'
import { callOf, exampleMapping, failed, reports, responded, throttled } from './event-source-run.ts'
import { createModelStream } from './model-stream.ts'
import { mortalPorts, whileAlive } from './mortal.ts'
import { randomFrom } from './random.ts'
import { createVirtualClock } from './virtual-clock.ts'

export interface Scenario {
  readonly seed: number
  readonly shards: number
  readonly pageSize: number
  readonly mapping: Partial<Mapping>
  /** Probabilities. They end after the last step, except for poison with a quota that ends it. */
  readonly faults: Readonly<
    Record<
      'throws' | 'reports' | 'throttles' | 'timesOut' | 'answersNonsense' | 'poison' | 'sourceFails' | 'destinationFails' | 'saveFails',
      number
    >
  >
  readonly steps: readonly {
    readonly afterMs: number
    readonly act:
      | { readonly kind: 'put'; readonly key: number; readonly count: number }
      | { readonly kind: 'split' | 'merge' | 'kill' | 'stop'; readonly pick: number }
  }[]
}

export interface ScenarioResult {
  readonly broken: readonly string[]
  readonly records: number
  readonly invocations: number
  readonly kills: number
  readonly reshards: number
  readonly givenUp: number
}

const forever = new AbortController().signal
const quietMs = 3 * 3_600_000

/** Plays a scenario in virtual time and answers which promises were broken. */
export async function runScenario({ seed, shards, pageSize, mapping: settings, faults, steps }: Scenario): Promise<ScenarioResult> {
  const random = randomFrom(seed)
  const clock = createVirtualClock()
  const mapping = exampleMapping(settings)
  let healed = false
  const happens = (probability: number): boolean => !healed && random() < probability
  const stream = createModelStream(clock, {
    shards,
    pageSize,
    fault: () => {
      if (happens(faults.sourceFails)) throw new Error('the stream is away')
    },
  })
  const ledger = createLedger(mapping)
  const poison = new Set<string>()
  let stored: Checkpoint | undefined
  let life = { number: 0, dead: false }
  let stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  let [kills, reshards] = [0, 0]

  const fails = (sequenceNumber: string): boolean =>
    poison.has(sequenceNumber) && !(healed && mapping.maxRetries === Number.POSITIVE_INFINITY)

  async function handle(event: string, mine: typeof life): Promise<Invocation> {
    const call = callOf(event, clock.now())
    if (happens(faults.throttles)) return throttled
    const finish = ledger.begin(mine.number, call)
    const timedOut = happens(faults.timesOut)
    await clock.sleep(timedOut ? 30_000 : Math.floor(random() * 300), forever)
    const invocation = answer()
    if (!mine.dead) finish(invocation)
    return invocation

    function answer(): Invocation {
      if (timedOut) return failed('it timed out')
      const first = call.sequenceNumbers.findIndex(fails)
      if (first >= 0) return mapping.reportsItemFailures ? reports(call.sequenceNumbers[first]) : failed('poison')
      if (happens(faults.throws)) return failed()
      if (mapping.reportsItemFailures && happens(faults.reports)) {
        const some = call.sequenceNumbers.filter(() => random() < 0.3)
        return reports(...some)
      }
      if (mapping.reportsItemFailures && happens(faults.answersNonsense)) return reports('', 'nonsense')
      return responded()
    }
  }

  function portsOf(mine: typeof life): Ports {
    const alive = whileAlive(mine)
    return {
      ...mortalPorts(mine, clock, stream),
      invoke: (event) => alive(() => handle(event, mine)),
      sendFailure: (failure: FailureRecord) =>
        alive(async () => {
          await clock.sleep(Math.floor(random() * 50), forever)
          if (mine.dead) return // its counts are gone with it; the next life gives up by its own
          if (happens(faults.destinationFails)) throw new Error('the bucket is away')
          ledger.gaveUp(mine.number, failure)
        }),
      checkpoints: {
        load: () => alive(async () => stored),
        save: (checkpoint) =>
          alive(async () => {
            const copy = structuredClone(checkpoint)
            await clock.sleep(Math.floor(random() * 20), forever)
            if (mine.dead) return
            if (happens(faults.saveFails)) throw new Error('the disk is full')
            stored = copy
          }),
      },
      log: () => {},
    }
  }

  function start(): void {
    life = { number: life.number + 1, dead: false }
    stopping = new AbortController()
    running = runEventSource(mapping, portsOf(life), stopping.signal)
    running.catch((error: unknown) => ledger.broken.push(`the event source ended: ${error}`))
  }

  start()
  for (const { afterMs, act } of steps) {
    await clock.run(clock.now() + afterMs)
    if (act.kind === 'put') {
      for (let i = 0; i < act.count; i++) {
        const key = `key ${(act.key + Math.floor(random() * 3)) % 12}`
        const sequenceNumber = stream.put(key, '')
        ledger.put(key, sequenceNumber, clock.now())
        if (random() < faults.poison) poison.add(sequenceNumber)
      }
    } else if (act.kind === 'kill') {
      kills++
      life.dead = true
      start()
    } else if (act.kind === 'stop') {
      stopping.abort()
      await clock.run(running)
      start()
    } else {
      reshards++
      const { openShards } = stream
      const pick = (more: number) => openShards[(act.pick + more) % openShards.length]!
      if (act.kind === 'split') stream.split(pick(0))
      else if (openShards.length > 1) stream.merge(pick(0), pick(1))
    }
  }
  healed = true
  for (const end = clock.now() + quietMs; ledger.unsettled().length > 0 && clock.now() < end; ) await clock.run(clock.now() + 5_000)
  stopping.abort()
  await clock.run(running)
  for (const sequenceNumber of ledger.unsettled()) ledger.broken.push(`${sequenceNumber} neither succeeded nor was given up`)
  return { broken: ledger.broken, records: ledger.records, invocations: ledger.invocations, kills, reshards, givenUp: ledger.givenUp }
}
