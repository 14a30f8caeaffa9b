import { outcomeOf } from '../../localstack/event-source/outcome.ts'
import type { FailureRecord, Invocation } from '../../localstack/event-source/ports.ts'
import type { Mapping } from '../../localstack/event-source/settings.ts'
import { type Call, callOf, recordAt } from './event-source-run.ts'

/** Writes down what was put, delivered, answered and given up, and every promise that this breaks. */
export interface Ledger {
  readonly broken: string[]
  readonly records: number
  readonly invocations: number
  readonly givenUp: number
  put(key: string, sequenceNumber: string, now: number): void
  /** An invocation begins. Answers what to call when its answer has reached the event source. */
  begin(life: number, call: Call): (invocation: Invocation) => void
  gaveUp(life: number, failure: FailureRecord): void
  /** Records that neither succeeded nor were given up. */
  unsettled(): readonly string[]
}

interface Entry {
  readonly key: string
  readonly arrivedAt: number
  settled: boolean
  /** Function errors in this life: of batches it was in, and of batches it was the first of. */
  life: number
  errors: number
  errorsAsFirst: number
}

export function createLedger(mapping: Mapping): Ledger {
  const broken: string[] = []
  const entries = new Map<string, Entry>()
  const ofKey = new Map<string, string[]>()
  /** By life: keys that are in an invocation now. */
  const inFlight = new Set<string>()
  let [invocations, givenUp] = [0, 0]
  const check = (holds: boolean, what: string): void => {
    if (!holds) broken.push(what)
  }
  const entryOf = (sequenceNumber: string, life: number): Entry => {
    const entry = entries.get(sequenceNumber)
    if (!entry) throw new Error(`${sequenceNumber} was never put`)
    if (entry.life !== life) Object.assign(entry, { life, errors: 0, errorsAsFirst: 0 })
    return entry
  }

  /** Nothing of a key goes before what is older: that has been settled, or is before it in this batch. */
  function checkOrder(call: Call): void {
    const before = new Set<string>()
    for (const [i, sequenceNumber] of call.sequenceNumbers.entries()) {
      const key = call.keys[i]!
      const older = (ofKey.get(key) ?? []).filter((other) => other < sequenceNumber)
      for (const other of older)
        check(before.has(other) || entries.get(other)!.settled, `${sequenceNumber} overtook ${other} of the same key "${key}"`)
      before.add(sequenceNumber)
    }
  }

  function checkLimits(call: Call, life: number): void {
    check(call.keys.length > 0 && call.keys.length <= mapping.batchSize, `a batch of ${call.keys.length}`)
    for (const sequenceNumber of call.sequenceNumbers)
      check(call.at - entryOf(sequenceNumber, life).arrivedAt <= mapping.maxAgeMs, `${sequenceNumber} was sent when it was too old`)
  }

  function countErrors(call: Call, life: number): void {
    const most = mapping.maxRetries + 1 + (mapping.bisect ? Math.ceil(Math.log2(mapping.batchSize)) + 1 : 0)
    for (const [i, sequenceNumber] of call.sequenceNumbers.entries()) {
      const entry = entryOf(sequenceNumber, life)
      entry.errors++
      if (i === 0) entry.errorsAsFirst++
      check(
        entry.errorsAsFirst <= most,
        `${sequenceNumber} failed ${entry.errorsAsFirst} times as the first of its batch; ${most} are allowed`,
      )
    }
  }

  return {
    broken,
    get records() {
      return entries.size
    },
    get invocations() {
      return invocations
    },
    get givenUp() {
      return givenUp
    },
    put(key, sequenceNumber, now) {
      entries.set(sequenceNumber, { key, arrivedAt: now, settled: false, life: 0, errors: 0, errorsAsFirst: 0 })
      ofKey.set(key, [...(ofKey.get(key) ?? []), sequenceNumber])
    },
    begin(life, call) {
      invocations++
      checkOrder(call)
      checkLimits(call, life)
      const keys = [...new Set(call.keys)].map((key) => `${life} ${key}`)
      for (const key of keys) {
        check(!inFlight.has(key), `two batches with key "${key}" at once`)
        inFlight.add(key)
      }
      return (invocation) => {
        for (const key of keys) inFlight.delete(key)
        const batch = call.sequenceNumbers.map((sequenceNumber) => recordAt(sequenceNumber, 0))
        const outcome = outcomeOf(invocation, batch, mapping.reportsItemFailures)
        const good = outcome.kind === 'succeeded' ? batch.length : outcome.kind === 'partial' ? outcome.from : 0
        for (const sequenceNumber of call.sequenceNumbers.slice(0, good)) entryOf(sequenceNumber, life).settled = true
        if (outcome.kind !== 'succeeded') countErrors({ ...call, sequenceNumbers: call.sequenceNumbers.slice(good) }, life)
      }
    },
    gaveUp(life, failure) {
      const { requestContext } = failure.metadata as { requestContext: { condition: string; approximateInvokeCount: number } }
      const call = callOf(failure.payload, failure.at)
      givenUp += call.sequenceNumbers.length
      checkOrder(call)
      for (const sequenceNumber of call.sequenceNumbers) {
        const entry = entryOf(sequenceNumber, life)
        if (requestContext.condition === 'RecordAgeExceeded')
          check(failure.at - entry.arrivedAt > mapping.maxAgeMs, `${sequenceNumber} was given up for its age before its time`)
        else {
          check(
            entry.errors > mapping.maxRetries,
            `${sequenceNumber} was given up after ${entry.errors} errors, not ${mapping.maxRetries + 1}`,
          )
          check(
            requestContext.approximateInvokeCount > mapping.maxRetries,
            `approximateInvokeCount ${requestContext.approximateInvokeCount}`,
          )
        }
        entry.settled = true
      }
    },
    unsettled: () => [...entries].flatMap(([sequenceNumber, { settled }]) => (settled ? [] : [sequenceNumber])),
  }
}
