import type { OpenUploadBody } from '../../functions/core/api/contract.ts'
import type { MaxRejects } from '../../functions/core/dataset/max-rejects.ts'
import { finalStates, type Receipt } from '../../functions/core/loads/receipt.ts'
import type { Compression, Format } from '../../functions/core/rows/encoding.ts'
import type { Millrace } from './client.ts'
import { readContent } from './content.ts'
import { PushError } from './errors.ts'
import { openLoad } from './opening.ts'
import type { RetryPolicy } from './retry.ts'
import type { Source } from './source.ts'
import { newTraceparent } from './trace.ts'
import type { World } from './transport.ts'
import { uploadContent } from './upload.ts'

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
interface Deps {
  readonly client: Millrace
  readonly world: World
  readonly policy: RetryPolicy
}

/** Pushes a source. Killed at any point, the same push again goes on where this one stopped. */
export async function pushFile(source: Source, options: PushOptions, { client, world, policy }: Deps): Promise<PushResult> {
  const call = { traceparent: newTraceparent(), signal: options.signal }
  const version = await source.version()
  const content = await readContent(source, {
    countRows: options.format === 'ndjson' && options.compression === 'none',
    signal: options.signal,
    onBytes: (bytes, rows) => options.onProgress?.({ phase: 'check', bytes, totalBytes: source.size, rows }),
  })
  const { upload, earlier, key } = await openLoad(source, content, options, { client, call })
  options.onProgress?.({ phase: 'open', load: upload.loadId, key, replayed: earlier !== undefined })

  let receipt = earlier
  let sent = 0
  let resumed = 0
  if (!receipt || receipt.state === 'receiving') {
    const unchanged = async () => {
      if ((await source.version()) !== version) throw new PushError('file-changed', `${source.name} changed while it was being sent`)
    }
    const work = { source, content, upload, fresh: !receipt, unchanged }
    ;({ receipt, sent, resumed } = await uploadContent(work, options, { client, world, policy, call }))
  }
  if (options.wait !== false && !finalStates.has(receipt.state)) {
    options.onProgress?.({ phase: 'load', receipt })
    const onReceipt = (receipt: Receipt) => options.onProgress?.({ phase: 'load', receipt })
    const onStill = (receipt: Receipt, stillFor: number) => options.onProgress?.({ phase: 'load', receipt, stillFor })
    receipt = await client.waitFor(receipt.id, { ...call, onReceipt, onStill })
  }
  return { receipt, alreadyThere: earlier !== undefined && earlier.state !== 'receiving', sent, resumed, key }
}
