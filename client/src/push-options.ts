import type { OpenUploadBody } from '../../functions/core/api/contract.ts'
import type { MaxRejects } from '../../functions/core/dataset/max-rejects.ts'
import type { Receipt } from '../../functions/core/loads/receipt.ts'
import type { Compression, Format } from '../../functions/core/rows/encoding.ts'

export interface PushOptions {
  readonly dataset: string
  /** Default `auto`: the server looks at the first bytes. What is declared and is not so fails the load. */
  readonly format?: Format | 'auto'
  readonly compression?: Compression | 'auto'
  /** How a CSV file is written. Default: RFC 4180 with a header line. */
  readonly csv?: OpenUploadBody['csv']
  /** Wait until the load is over. Default true. */
  readonly wait?: boolean
  /** Make a new load even if this content was loaded before. */
  readonly again?: boolean
  /** The Idempotency-Key to use instead of the content's own: resumes a push that was forced with `again`. */
  readonly key?: string | undefined
  /** Parts sent at a time. Default 4; fewer when parts are so large that they would fill the memory. */
  readonly parallel?: number
  /** Rows there must be. A plain NDJSON file is counted anyway, and checked before anything is sent. */
  readonly expectedRows?: number | undefined
  /** Rejected rows, or a share of the rows such as "1%", beyond which the load is stopped. Default: the dataset's. */
  readonly maxRejects?: MaxRejects | undefined
  /** The load whose rejects this file corrects. */
  readonly fixes?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (progress: Progress) => void
}

export type Progress =
  | { readonly phase: 'check'; readonly bytes: number; readonly totalBytes: number; readonly rows: number | undefined }
  /** The load is known: what to name when the push is interrupted. */
  | { readonly phase: 'open'; readonly load: string; readonly key: string; readonly replayed: boolean }
  /** `resumed` of the `bytes` were there from an earlier push. */
  | {
      readonly phase: 'upload'
      readonly bytes: number
      readonly totalBytes: number
      readonly resumed: number
      readonly rows: number | undefined
    }
  /** `stillFor`: milliseconds for which nothing has moved, once it is more than some seconds. */
  | { readonly phase: 'load'; readonly receipt: Receipt; readonly stillFor?: number }

export interface PushResult {
  readonly receipt: Receipt
  /** True when this content had a load already, and nothing was sent. */
  readonly alreadyThere: boolean
  /** Bytes this push sent, and bytes an earlier one had sent. */
  readonly sent: number
  readonly resumed: number
  readonly key: string
}
