import type { Receipt } from '../../functions/core/loads/receipt.ts'
import type { Reject } from '../../functions/core/rejects/reject.ts'
import type { AcceptedBatch, Batch, SendState, SendTotal } from './send-state.ts'

export interface WriterOptions {
  readonly dataset: string
  /** Rows of a batch at most. Default 20,000; the server takes 100,000. */
  readonly batchRows?: number
  /** Bytes of a batch at most, before compression; a longer row makes a batch by itself. Default and most 4,000,000: such a batch always fits into a request. */
  readonly batchBytes?: number
  /** Milliseconds a row waits at most for others to fill its batch, when a request may be sent. Default 1,000. */
  readonly batchMs?: number
  /** Batches in flight at most. Default 4; always 1 where the order of acceptance decides which row stays. */
  readonly parallel?: number
  /** Follow every batch until it is committed. Default true. */
  readonly wait?: boolean
  readonly onBatch?: ((event: BatchEvent) => void) | undefined
  /** Called, and waited for, before a batch is sent: with what is saved here another writer can go on where this one was killed. */
  readonly save?: ((state: SendState) => Promise<void>) | undefined
  /** What a killed writer has saved, as `resumeStream` gives it back. Its open batches must be given to `resend` first, then the stream from `next.offset` on. */
  readonly resume?: SendState | undefined
  /** Ends requests at once. What may have been sent is then unknown, but saved. */
  readonly signal?: AbortSignal | undefined
}

/** What has just become known of a batch. `ms` of a settled one is from accepted to committed, by the server's clock. */
export type BatchEvent =
  | { readonly kind: 'accepted'; readonly batch: Batch; readonly receipt: Receipt; readonly rejects: readonly Reject[] }
  | { readonly kind: 'settled'; readonly batch: AcceptedBatch; readonly receipt: Receipt; readonly ms: number | undefined }

/** A row, or NDJSON as it is: text or bytes, cut anywhere. */
export type Piece = object | string | Uint8Array

export interface RowWriter {
  /** Resolves when there is room for more. Await it: what is not awaited is held in memory. */
  readonly write: (piece: Piece) => Promise<void>
  /** Sends what is held, and resolves when all of it is accepted. A line that has begun stays. */
  readonly flush: () => Promise<void>
  /** Sends the rest, and resolves when everything is accepted and, unless `wait` is false, committed. */
  readonly close: (options?: CloseOptions) => Promise<SendTotal>
  /** Sends a batch that a killed writer had cut. */
  readonly resend: (batch: Batch, body: Uint8Array<ArrayBuffer>) => Promise<void>
  readonly state: () => SendState
  /** Batches that are sent and not yet accepted, rows that are held, and what the oldest accepted batches wait for that are not committed. */
  readonly pending: () => { readonly inFlight: number; readonly held: number; readonly waiting: Receipt['waiting'] }
  /** The same as a stream: `rows.pipeTo(writer.writable)`; in Node also `pipeline(rows, Writable.fromWeb(writer.writable, { objectMode: true }))`. Closing it closes the writer. */
  readonly writable: WritableStream<Piece>
}
export interface CloseOptions {
  /** False: a line without its newline is not sent; the stream goes on elsewhere. Default true. */
  readonly final?: boolean
  /** Milliseconds to wait for receipts; what is not known then stays pending. Default: as long as it takes. */
  readonly settleMs?: number
}
