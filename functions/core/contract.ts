import * as z from 'zod'
import { csvByte, csvDialectFault, standardCsv } from './csv-dialect.ts'
import { compressions, formats } from './load.ts'
import { type MaxRejects, share } from './max-rejects.ts'
import type { LoadState, Receipt } from './receipt.ts'

/** The HTTP contract, written once: handlers validate with it, the client takes its types, OpenAPI is generated from it. */

/** CRC32 (ISO 3309) as 8 lower-case hex digits. */
const crc32 = z.string().regex(/^[0-9a-f]{8}$/, 'must be a CRC32 as 8 lower-case hex digits')

/** Rejected rows a load takes: a count, or a share of its rows. */
export const maxRejects = z.union([z.int().min(0), z.string().regex(share, 'must be a count, or a share such as "1%"')])

const csvMark = z.string().regex(csvByte, 'must be one printable ASCII character or a tab')
/** How a CSV file is written; what is left out is RFC 4180 with a header line. */
const csvDialect = z
  .strictObject({
    delimiter: csvMark.default(standardCsv.delimiter),
    quote: csvMark.default(standardCsv.quote),
    /** What a field without quotes says when it is NULL. */
    null: z
      .string()
      .max(32)
      .regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII')
      .default(standardCsv.null),
    /** True when the first line names the columns. */
    header: z.boolean().default(standardCsv.header),
    /** The columns of a file without header, in its order; without them they are the dataset's. */
    columns: z.array(z.string().min(1).max(63)).min(1).max(1000).optional(),
  })
  .check(({ value, issues }) => {
    const fault = csvDialectFault(value)
    if (fault) issues.push({ code: 'custom', message: fault, input: value })
  })

export const openUploadBody = z.strictObject({
  /** Shown again in receipts and terminals, so nothing in it may steer one. */
  fileName: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must have no control characters and no half of a surrogate pair'),
  /** Bytes of the object as it will be uploaded. */
  size: z.int().min(0).max(50e12),
  /** `auto`: the first bytes tell. What is declared and is not so fails the load. */
  format: z.enum([...formats, 'auto']).default('auto'),
  compression: z.enum([...compressions, 'auto']).default('auto'),
  /** Only with format csv. */
  csv: csvDialect.optional(),
  /** Rows the client counted; a difference at the end fails the load. */
  expectedRows: z.int().min(0).optional(),
  /** One rejected row more ends the load as `failed`. A share is judged from 1,000 rows on. Default: the dataset's. */
  maxRejects: maxRejects.optional(),
  /** The load whose rejects this file corrects, of the same dataset. */
  fixes: z.string().max(64).optional(),
  /** CRC32 of the whole object; a difference at completion is refused. */
  crc32: crc32.optional(),
})
export type OpenUploadBody = z.input<typeof openUploadBody>

export interface OpenUploadAnswer {
  readonly loadId: string
  /** Every part but the last has exactly this many bytes. */
  readonly partSize: number
  readonly partCount: number
  readonly expiresAt: string
  readonly links: { readonly self: string; readonly parts: string; readonly complete: string; readonly receipt: string }
}

export const signPartsBody = z
  .array(z.strictObject({ number: z.int().min(1).max(10_000), size: z.int().min(1), crc32 }))
  .min(1)
  .max(100)
export type SignPartsBody = z.input<typeof signPartsBody>

export interface SignedPart {
  readonly number: number
  readonly url: string
  /** Send exactly these with the PUT: they are signed. */
  readonly headers: Readonly<Record<string, string>>
  readonly expiresAt: string
}

export interface UploadAnswer extends OpenUploadAnswer {
  readonly state: string
  /** The parts that S3 has. */
  readonly parts: readonly { readonly number: number; readonly size: number; readonly crc32: string }[]
}

/** How many items a page has. Digits only: what else JavaScript takes for a number (`0x10`, `1e1`, nothing) is none to a person. */
export const pageLimit = (most: number, usual: number) =>
  z.preprocess(
    (text) => (typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text),
    z.int(`must be a whole number, 1 to ${most}`).min(1).max(most).default(usual),
  )

export const listLoadsQuery = z.strictObject({
  dataset: z.string().max(48).optional(),
  state: z.enum(['receiving', 'loading', 'complete', 'failed', 'aborted', 'expired']).optional(),
  limit: pageLimit(100, 20),
  cursor: z.string().max(1024).optional(),
})

export const listRejectsQuery = z.strictObject({
  limit: pageLimit(1000, 100),
  cursor: z.string().max(1024).optional(),
  download: z.enum(['true', 'false']).optional(),
  /** With `download`: NDJSON with everything that is known of each reject, or the rows in the load's own format with their error. */
  as: z.enum(['ndjson', 'original']).default('ndjson'),
})

export const submitBatchQuery = z.strictObject({
  /** Hold the answer until every row is committed or refused, 25 s at most. */
  wait: z.enum(['true', 'false']).optional(),
})

export const replayBody = z.strictObject({
  dryRun: z.boolean().default(true),
  /** Do it even where it would put older rows over newer ones. */
  allowOlderRows: z.boolean().default(false),
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
  /** A stretch of the stream, by when it took the records: from this time on, and before that (default: now). */
  from: moment,
  to: moment.optional(),
  dryRun: z.boolean().default(true),
  /** Do it even where it would put older rows over newer ones. */
  allowOlderRows: z.boolean().default(false),
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

export interface HealthAnswer {
  readonly status: 'ok'
  /** Each part of the world that the API depends on. */
  readonly parts: Readonly<Record<string, 'ok'>>
}

/** One rejected row, as the API answers and the rejects file holds it. */
export interface Reject {
  /** Line in the file, from 1 (CSV: of the row's first line); null until every earlier chunk is committed. */
  readonly line: number | null
  /** Byte offset of the row in the text (after decompression). */
  readonly offset: number
  readonly column: string | null
  readonly code: string
  readonly message: string
  /** The row as received, cut after 8 KiB. */
  readonly raw: string
  readonly truncated: boolean
}

/** What the door answers to a batch: its receipt, and the first of the rows that it refused itself. */
export interface BatchAnswer {
  readonly receipt: Receipt
  readonly rejects: readonly Reject[]
}

export interface DatasetAnswer {
  readonly name: string
  readonly description: string
  readonly primaryKey: readonly string[]
  readonly onConflict: 'ignore' | 'update'
  readonly orderingKey: string | null
  /** Of two rows with one key the one with the greater value here stays. */
  readonly version: string | null
  readonly limits: { readonly rowBytes: number; readonly fileBytes: number; readonly maxRejects?: MaxRejects }
  readonly schema: unknown
}
export interface Page<T> {
  readonly items: readonly T[]
  /** Pass as `cursor` for the next page; null on the last one. */
  readonly next: string | null
}
