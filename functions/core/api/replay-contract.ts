import * as z from 'zod'
import type { LoadState } from '#core/loads/receipt.ts'
import { pageLimit } from './contract.ts'

/** The part of the HTTP contract that brings back what is missing: replays, and the dead letters they send again. */

/** What every replay may be told. */
const options = {
  dryRun: z.boolean().default(true),
  /** Do it even where it would put older rows over newer ones. */
  allowOlderRows: z.boolean().default(false),
}

export const replayBody = z.strictObject({
  ...options,
  /** A dataset: the uploaded object is loaded into it once more, as a load of its own. */
  into: z.string().max(48).optional(),
})
export type ReplayBody = z.input<typeof replayBody>

/** What a replay would do, as its dry run answers. */
export interface ReplayAnswer {
  readonly loadId: string
  readonly state: LoadState
  /** `plan`: load what is missing from the uploaded object. `send`: put what was set aside into the stream again. */
  readonly would: 'plan' | 'send' | 'nothing'
  readonly reason: string
  /** The load that would be made, when `into` was given. */
  readonly into: { readonly dataset: string; readonly load: string } | null
  /** The first 100 of each. `missing` chunks are neither committed nor set aside; with `missingCount` null nobody knows yet how many there are. */
  readonly chunks: {
    readonly planned: number | null
    readonly committed: number
    readonly missing: readonly number[]
    readonly missingCount: number | null
    readonly dead: readonly number[]
    readonly deadCount: number
  }
  /** Whether newer rows would be lost; null when there is nothing to replay. */
  readonly order: ReplayOrder | null
}
export interface ReplayOrder {
  /** `harmless`: the dataset takes rows in any order. `safe`: nothing newer is in the way. `older-rows`: done only with `allowOlderRows`. */
  readonly verdict: 'harmless' | 'safe' | 'older-rows'
  readonly detail: string
  /** Of batches: the first 100 chunks with rows that may go over newer ones, how many, and the keys of some, as JSON. */
  readonly older: readonly { readonly chunk: number; readonly rows: number; readonly keys: readonly string[] }[]
  /** Of batches: other loads of which older chunks of the same keys may be set aside too. Replay these first, in this order. */
  readonly first: readonly string[]
}

const moment = z.iso.datetime({ offset: true })
export const replayStreamBody = z.strictObject({
  /** A range of the stream, by when it took the records: from this time on, and before that (default: now). */
  from: moment,
  to: moment.optional(),
  ...options,
  /** Give the rows of each chunk too, as they can be sent as a batch. */
  texts: z.boolean().default(false),
  /** `next` of the page before, with the same `from`, and the `to` that it named. */
  cursor: z.string().max(1024).optional(),
})
export type ReplayStreamBody = z.input<typeof replayStreamBody>

/** A chunk of the tenant's in the stream. */
export interface StreamChunk {
  readonly load: string
  readonly chunk: number
  /** `waiting`: neither in the table nor set aside, as far as is known. */
  readonly state: 'committed' | 'dead' | 'waiting'
  readonly rows: number
  readonly bytes: number
  readonly acceptedAt: string
  readonly format: 'ndjson' | 'csv'
  /** Null when it cannot be read. */
  readonly text?: string | null
}
export interface StreamPage {
  readonly from: string
  readonly to: string
  readonly items: readonly StreamChunk[]
  /** Chunks of this page that were sent again. */
  readonly sent: number
  readonly next: string | null
}

export const listDeadLettersQuery = z.strictObject({
  dataset: z.string().max(48).optional(),
  load: z.string().max(64).optional(),
  limit: pageLimit(100, 20),
  cursor: z.string().max(1024).optional(),
})

/** A chunk of a batch that was set aside and is not in the table. */
export interface DeadLetterAnswer {
  readonly load: string
  readonly dataset: string
  readonly chunk: number
  /** `sent-again`: a replay has put it back into the stream, and nothing is known of it yet. */
  readonly state: 'dead' | 'sent-again'
  /** Lambda's word (`RetryAttemptsExhausted`, `RecordAgeExceeded`), or the code of a problem. */
  readonly reason: string
  readonly rows: number
  readonly bytes: number
  readonly acceptedAt: string
  readonly notedAt: string
  readonly sentAgainAt: string | null
  /** Where it lies in the dead-letters bucket, for whoever runs the deployment. */
  readonly kept: { readonly object: string; readonly record: number }
  readonly links: { readonly rows: string; readonly load: string }
}
