/** The SDK's front door, for Node 24 and browsers. Files on disk: `@millrace/client/node`. */
export type { BatchBody, SendBatchOptions, SentBatch } from './batch.ts'
export {
  type ClientOptions,
  createClient,
  type DeadLettersQuery,
  type LoadsQuery,
  type Millrace,
  type ReceiptAnswer,
  type RejectsQuery,
} from './client.ts'
export type { Compressor } from './compress.ts'
export { ClientError, PushError, type PushFault, RefusedError, SendError, type SendFault, UnavailableError } from './errors.ts'
export type { Progress, PushOptions, PushResult } from './push.ts'
export type { RetryPolicy } from './retry.ts'
export type { BatchEvent, CloseOptions, Piece, RowWriter, WriterOptions } from './row-writer.ts'
export type { AcceptedBatch, Batch, SendState, SendTotal } from './send-state.ts'
export { blobSource, type Source } from './source.ts'
export type { WaitOptions } from './wait.ts'
