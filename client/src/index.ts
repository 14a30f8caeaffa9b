/** The SDK's front door, for Node 24 and browsers. Files on disk: `@millrace/client/node`. */
export { type ClientOptions, createClient, type LoadsQuery, type Millrace, type ReceiptAnswer, type RejectsQuery } from './client.ts'
export { ClientError, PushError, type PushFault, RefusedError, UnavailableError } from './errors.ts'
export type { Progress, PushOptions, PushResult } from './push.ts'
export type { RetryPolicy } from './retry.ts'
export { blobSource, type Source } from './source.ts'
export type { WaitOptions } from './wait.ts'
