import type {
  DatasetAnswer,
  OpenUploadAnswer,
  OpenUploadBody,
  SignedPart,
  SignPartsBody,
  UploadAnswer,
} from '../../functions/core/api/contract.ts'
import type { DeadLetterAnswer, ReplayAnswer, ReplayBody, ReplayStreamBody, StreamPage } from '../../functions/core/api/replay-contract.ts'
import type { LoadState, Receipt } from '../../functions/core/loads/receipt.ts'
import type { Reject } from '../../functions/core/rejects/reject.ts'
import type { BatchBody, SendBatchOptions, SentBatch } from './batch.ts'
import type { PushOptions, PushResult } from './push-options.ts'
import type { Piece, RowWriter, WriterOptions } from './row-writer.ts'
import type { SendTotal } from './send-state.ts'
import type { Source } from './source.ts'
import type { CallOptions } from './transport.ts'

export interface LoadsQuery extends CallOptions {
  readonly dataset?: string | undefined
  readonly state?: LoadState | undefined
  /** Loads a page, 1 to 100. */
  readonly pageSize?: number
}
export interface RejectsQuery extends CallOptions {
  /** Rejects a page, 1 to 1,000. */
  readonly pageSize?: number
}
export interface DeadLettersQuery extends CallOptions {
  readonly dataset?: string | undefined
  readonly load?: string | undefined
  /** Dead letters a page, 1 to 100. */
  readonly pageSize?: number
}
export interface ReplayOptions extends CallOptions {
  /** With `into`: the Idempotency-Key of the load that is made. */
  readonly key?: string | undefined
}
export interface ReceiptAnswer {
  /** Undefined when it has not changed since `etag`. */
  readonly receipt: Receipt | undefined
  readonly etag: string | undefined
}

export interface Millrace {
  /** Where it sends. */
  readonly url: string
  readonly listDatasets: (options?: CallOptions) => Promise<readonly DatasetAnswer[]>
  readonly getDataset: (name: string, options?: CallOptions) => Promise<DatasetAnswer>
  /** The same key and body again get the first answer again, and `replayed`. */
  readonly openUpload: (
    dataset: string,
    body: OpenUploadBody,
    options: CallOptions & { readonly key: string },
  ) => Promise<{ readonly upload: OpenUploadAnswer; readonly replayed: boolean }>
  /** 100 parts at most. */
  readonly signParts: (load: string, parts: SignPartsBody, options?: CallOptions) => Promise<readonly SignedPart[]>
  readonly showUpload: (load: string, options?: CallOptions) => Promise<UploadAnswer>
  readonly completeUpload: (load: string, options?: CallOptions) => Promise<Receipt>
  readonly abortUpload: (load: string, options?: CallOptions) => Promise<void>
  readonly getReceipt: (load: string, options?: CallOptions & { readonly etag?: string | undefined }) => Promise<ReceiptAnswer>
  /** Polls until the load is over. */
  readonly waitFor: (load: string, options?: WaitOptions) => Promise<Receipt>
  /** Newest first. */
  readonly listLoads: (query?: LoadsQuery) => AsyncGenerator<Receipt, void, undefined>
  readonly listRejects: (load: string, query?: RejectsQuery) => AsyncGenerator<Reject, void, undefined>
  /** All rejects in the format of the load, each with its error: to correct and to push again. Not in browsers, which hide where a redirect leads. */
  readonly downloadRejects: (load: string, options?: CallOptions) => Promise<AsyncIterable<Uint8Array>>
  /** One batch of at most 100,000 rows, 64 MiB and 4 MiB compressed, accepted when this returns. For more than that, or a stream: `openWriter`. */
  readonly sendBatch: (dataset: string, rows: BatchBody, options?: SendBatchOptions) => Promise<SentBatch>
  /** For rows without end: batches are cut, sent, retried and followed with bounded memory. */
  readonly openWriter: (options: WriterOptions) => Promise<RowWriter>
  /** All of some rows, through a writer. */
  readonly sendRows: (rows: AsyncIterable<Piece> | Iterable<Piece>, options: WriterOptions) => Promise<SendTotal>
  /** Chunks that were set aside, newest first; those of one load by number. */
  readonly listDeadLetters: (query?: DeadLettersQuery) => AsyncGenerator<DeadLetterAnswer, void, undefined>
  /** The rows of one of them, as they were sent: NDJSON, or CSV without a header. */
  readonly getDeadLetter: (load: string, chunk: number, options?: CallOptions) => Promise<string>
  /** What a replay would do. It changes nothing. */
  readonly checkReplay: (load: string, body?: Omit<ReplayBody, 'dryRun'>, options?: ReplayOptions) => Promise<ReplayAnswer>
  /** Loads again what is missing of a load, or sends again what was set aside of it. */
  readonly replayLoad: (load: string, body?: Omit<ReplayBody, 'dryRun'>, options?: ReplayOptions) => Promise<Receipt>
  /** One page of a range of the stream: what of the tenant's batches is in it. With `dryRun: false` what is in no table is sent again. */
  readonly replayStream: (dataset: string, body: ReplayStreamBody, options?: CallOptions) => Promise<StreamPage>
  /** All of it: check, open or resume, upload, complete, wait. */
  readonly pushFile: (source: Source, options: PushOptions) => Promise<PushResult>
}

export interface WaitOptions extends CallOptions {
  /** Called whenever the receipt has changed. */
  readonly onReceipt?: ((receipt: Receipt) => void) | undefined
  /** Called at every look at a receipt that has not changed for five seconds, with the milliseconds for which it has not. */
  readonly onStill?: ((receipt: Receipt, milliseconds: number) => void) | undefined
}
