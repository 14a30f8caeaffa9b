import type { Outcome } from './outcome.ts'
import type { Invocation, StreamRecord } from './ports.ts'
import { retryDelay } from './rules.ts'
import type { Mapping } from './settings.ts'

/**
 * The delivery of one batch, as a state machine without time or I/O: ask for the next step, do it, tell how it went.
 *
 * A delivery is a stack of pieces. It begins as one piece, the batch; bisecting makes two of one; the first is always worked on until
 * nothing of it is left, so nothing ever overtakes a record that fails.
 */
export interface Piece {
  readonly records: readonly StreamRecord[]
  /** Function errors that count against MaximumRetryAttempts. */
  readonly errors: number
  /** Invocations of this piece and those it was cut from: `approximateInvokeCount`. */
  readonly invocations: number
  /** Invocations in a row that brought nothing forward; sets the wait. */
  readonly fruitless: number
  /** The last that reached the function. */
  readonly last?: Exclude<Invocation, { kind: 'not-invoked' }> | undefined
}
export type Delivery = readonly Piece[]

export type Condition = 'RetryAttemptsExhausted' | 'RecordAgeExceeded'
export type Step =
  | { readonly kind: 'invoke'; readonly piece: Piece }
  | {
      readonly kind: 'give-up'
      readonly condition: Condition
      readonly piece: Piece
      readonly records: readonly StreamRecord[]
      readonly rest: Delivery
    }
  | { readonly kind: 'finished' }

export type DeliveryRules = Pick<Mapping, 'maxRetries' | 'maxAgeMs' | 'retentionMs' | 'bisect'>

export const beginDelivery = (records: readonly StreamRecord[]): Delivery =>
  records.length === 0 ? [] : [{ records, errors: 0, invocations: 0, fruitless: 0 }]

/**
 * - Age: "the maximum age of a record that Lambda sends to your function" (page with-kinesis, "Maximum age of record"; the CDK's maxRecordAge has the
 *   same words), so it is looked at before every invocation, the first too. Records also expire with the stream's retention (page
 *   kinesis-on-failure-destination: "retries until the records expire, exceed the maximum age, or reach the configured retry quota").
 *   Undocumented, assumed: only the records that are too old are given up, not their whole batch; and expiry, too, goes to the destination.
 * - Retries: MaximumRetryAttempts counts retries, so N of them are N + 1 invocations that failed.
 */
export function nextStep(delivery: Delivery, now: number, rules: DeliveryRules): Step {
  const [piece, ...others] = delivery
  if (!piece) return { kind: 'finished' }
  const oldest = now - Math.min(rules.maxAgeMs, rules.retentionMs)
  const tooOld = piece.records.filter(({ arrivedAt }) => arrivedAt < oldest)
  if (tooOld.length > 0) {
    const young = piece.records.filter(({ arrivedAt }) => arrivedAt >= oldest)
    const rest = young.length > 0 ? [{ ...piece, records: young }, ...others] : others
    return { kind: 'give-up', condition: 'RecordAgeExceeded', piece, records: tooOld, rest }
  }
  if (piece.errors > rules.maxRetries)
    return { kind: 'give-up', condition: 'RetryAttemptsExhausted', piece, records: piece.records, rest: others }
  return { kind: 'invoke', piece }
}

export interface Progress {
  readonly delivery: Delivery
  readonly succeeded: readonly StreamRecord[]
  /** Before the next step. */
  readonly waitMs: number
  readonly bisected: boolean
}

/**
 * - Not invoked (page kinesis-on-failure-destination, "Before invocation"): it "retries until the records expire or exceed the maximum age";
 *   no retry is counted.
 * - Failed (same page, "During invocation"): a retry is counted; with BisectBatchOnFunctionError the batch is split in two, and "splitting
 *   batches doesn't consume the retry quota".
 * - Partial (page services-kinesis-batchfailurereporting): all from the lowest on is retried. With bisect "the batch is bisected at the returned
 *   sequence number and Lambda retries only the remaining records".
 * Undocumented, assumed:
 * - the two halves carry the count of the batch they were; so only what cannot be split further, one record, uses up the quota;
 * - without bisect a partial failure counts as a retry, also when records before it succeeded: the count is the batch's;
 * - with bisect a partial failure at the very first record is split in the middle: nothing is before it to split off;
 * - what was split, or came forward, is tried again at once; anything else waits, twice as long each time.
 */
export function afterInvocation(delivery: Delivery, invocation: Invocation, outcome: Outcome, rules: DeliveryRules): Progress {
  const [piece, ...others] = delivery
  if (!piece) throw new Error('An invocation without a batch.')
  if (outcome.kind === 'not-invoked') {
    const fruitless = piece.fruitless + 1
    return { delivery: [{ ...piece, fruitless }, ...others], succeeded: [], waitMs: retryDelay(fruitless), bisected: false }
  }
  const invoked: Piece = {
    ...piece,
    invocations: piece.invocations + 1,
    last: invocation.kind === 'not-invoked' ? piece.last : invocation,
  }
  if (outcome.kind === 'succeeded') return { delivery: others, succeeded: piece.records, waitMs: 0, bisected: false }
  const from = outcome.kind === 'partial' ? outcome.from : 0
  const succeeded = piece.records.slice(0, from)
  const records = piece.records.slice(from)
  if (rules.bisect && from > 0)
    return { delivery: [{ ...invoked, records, fruitless: 0 }, ...others], succeeded, waitMs: 0, bisected: true }
  if (rules.bisect && records.length > 1) {
    const middle = Math.ceil(records.length / 2)
    const halves = [records.slice(0, middle), records.slice(middle)].map((half) => ({ ...invoked, records: half, fruitless: 0 }))
    return { delivery: [...halves, ...others], succeeded, waitMs: 0, bisected: true }
  }
  const fruitless = from > 0 ? 0 : piece.fruitless + 1
  const next: Piece = { ...invoked, records, errors: piece.errors + 1, fruitless }
  const isRetried = next.errors <= rules.maxRetries
  return { delivery: [next, ...others], succeeded, waitMs: isRetried && fruitless > 0 ? retryDelay(fruitless) : 0, bisected: false }
}
