import { combineCrc32 } from '../../functions/core/loads/crc32.ts'
import type { Receipt, RowCounts } from '../../functions/core/loads/receipt.ts'
import type { RejectSum } from '../../functions/core/rejects/reject-sums.ts'
import { addIgnored, type Ignored } from '../../functions/core/rows/ignored.ts'
import type { Cut } from './batcher.ts'

/** A batch as it was cut: the same bytes of the stream make the same batch again. */
export interface Batch {
  /** From 1. */
  readonly number: number
  /** Bytes of the stream, [start, end), and their CRC32. */
  readonly start: number
  readonly end: number
  readonly crc32: number
  readonly rows: number
  /** The stream's line that its first line is, from 1. */
  readonly line: number
}
/** A batch that the server has, and whose outcome is not known yet. */
export interface AcceptedBatch {
  readonly number: number
  readonly load: string
  readonly rows: number
}
/** What became of all rows that were sent. `received` is what was counted here when they were cut; the outcomes are the receipts'. */
export interface SendTotal {
  /** Accepted batches. */
  readonly batches: number
  readonly rows: RowCounts
  /** Bytes of their rows, before compression. */
  readonly bytes: number
  /** Rejected rows by code and column, the most frequent first. */
  readonly byCode: readonly RejectSum[]
  /** Keys that the dataset passed over; absent when there were none, and in what older senders have saved. */
  readonly ignored?: Ignored
  /** The first loads with rejected rows, to look them up. */
  readonly rejectedLoads: readonly string[]
  /** Loads that ended as failed, and the first of them. */
  readonly failed: number
  readonly failedLoads: readonly string[]
}

interface Place {
  readonly offset: number
  readonly line: number
  /** Of all bytes before it. */
  readonly crc32: number
}

/** All that a sender must remember to go on where another one was killed. Plain JSON. */
export interface SendState {
  readonly version: 1
  /** Makes the keys of its batches: no other stream has it. */
  readonly stream: string
  readonly dataset: string
  /** Where the next batch begins: every row before it is in a batch. */
  readonly next: { readonly number: number } & Place
  /** Where its last line begins, when the stream ended there without a newline. */
  readonly unended: Place | null
  /** The batch that was cut last. */
  readonly last: Batch | null
  /** Batches that were cut and may have been sent, and are not known to be accepted. */
  readonly open: readonly Batch[]
  readonly accepted: readonly AcceptedBatch[]
  readonly total: SendTotal
}

/** The Idempotency-Key of a batch: the same number and stream, the same batch. */
export const batchKey = (stream: string, number: number): string => `${stream}.${number}`

const none: RowCounts = { received: 0, loaded: 0, updated: 0, duplicate: 0, rejected: 0, pending: 0 }
export const newState = (dataset: string, stream: string): SendState => ({
  version: 1,
  stream,
  dataset,
  next: { number: 1, offset: 0, line: 1, crc32: 0 },
  unended: null,
  last: null,
  open: [],
  accepted: [],
  total: { batches: 0, rows: none, bytes: 0, byCode: [], rejectedLoads: [], failed: 0, failedLoads: [] },
})

/** A batch has been cut. One without rows is passed over: there is nothing to send. */
export function withCut(state: SendState, cut: Cut): SendState {
  const { number } = state.next
  // What follows a line that had no newline is the rest of that line: no other line of the stream.
  const line = state.next.line - (state.unended ? 1 : 0)
  const crc32 = combineCrc32(state.next.crc32, cut.crc32, cut.end - cut.start)
  const batch: Batch = { number, start: cut.start, end: cut.end, crc32: cut.crc32, rows: cut.rows, line }
  return {
    ...state,
    next: { number: number + 1, offset: cut.end, line: line + cut.lines, crc32 },
    unended: cut.unended
      ? {
          offset: cut.unended.start,
          line: line + cut.lines - 1,
          crc32: combineCrc32(state.next.crc32, cut.unended.crc32, cut.unended.start - cut.start),
        }
      : null,
    last: batch,
    open: cut.rows === 0 ? state.open : [...state.open, batch],
  }
}

/** The server has a batch. With `followed` its receipt is to be looked at until it is over; else its rows stay pending here. */
export function withAccepted(state: SendState, batch: Batch, { id }: Receipt, followed: boolean): SendState {
  const { total } = state
  return {
    ...state,
    open: state.open.filter(({ number }) => number !== batch.number),
    accepted: followed ? [...state.accepted, { number: batch.number, load: id, rows: batch.rows }] : state.accepted,
    total: {
      ...total,
      batches: total.batches + 1,
      bytes: total.bytes + batch.end - batch.start,
      rows: add(total.rows, { ...none, received: batch.rows, pending: batch.rows }),
    },
  }
}

/** A load is over. What a failed one has not committed stays pending: it may be replayed. */
export function withSettled(state: SendState, batch: AcceptedBatch, receipt: Receipt): SendState {
  const { total } = state
  const { loaded, updated, duplicate, rejected } = receipt.rows
  const decided = loaded + updated + duplicate + rejected
  const failed = receipt.state !== 'complete'
  const ignored = addIgnored(total.ignored, receipt.ignored)
  return {
    ...state,
    accepted: state.accepted.filter(({ number }) => number !== batch.number),
    total: {
      ...total,
      rows: add(total.rows, { received: 0, loaded, updated, duplicate, rejected, pending: -decided }),
      byCode: addSums(total.byCode, receipt),
      ...(ignored && { ignored }),
      rejectedLoads: rejected > 0 ? firsts(total.rejectedLoads, receipt.id) : total.rejectedLoads,
      failed: total.failed + (failed ? 1 : 0),
      failedLoads: failed ? firsts(total.failedLoads, receipt.id) : total.failedLoads,
    },
  }
}

/** Loads, and sums by code, that are kept: what is remembered of an endless stream has an end. */
const mostKept = 20
const mostSums = 100
const firsts = (loads: readonly string[], load: string): readonly string[] => (loads.length < mostKept ? [...loads, load] : loads)

function addSums(sums: readonly RejectSum[], { rejects }: Receipt): RejectSum[] {
  const all = [...sums]
  for (const sum of rejects.byCode) {
    const same = all.findIndex(({ code, column }) => code === sum.code && column === sum.column)
    if (same >= 0) all[same] = { ...sum, rows: all[same]!.rows + sum.rows }
    else all.push(sum)
  }
  return all.sort((a, b) => b.rows - a.rows).slice(0, mostSums)
}

const add = (a: RowCounts, b: RowCounts): RowCounts => ({
  received: a.received + b.received,
  loaded: a.loaded + b.loaded,
  updated: a.updated + b.updated,
  duplicate: a.duplicate + b.duplicate,
  rejected: a.rejected + b.rejected,
  pending: a.pending + b.pending,
})

/** As it was before the stream's last line, which had no newline: that line is sent once more. */
export const beforeUnended = (state: SendState): SendState =>
  state.unended ? { ...state, next: { ...state.unended, number: state.next.number }, unended: null } : state
