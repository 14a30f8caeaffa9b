import * as z from 'zod'
import { type MaxRejects, share } from '#core/dataset/max-rejects.ts'
import type { Receipt } from '#core/loads/receipt.ts'
import type { Reject } from '#core/rejects/reject.ts'
import { csvByte, csvDialectFault, standardCsv } from '#core/rows/csv-dialect.ts'
import { compressions, formats } from '#core/rows/encoding.ts'

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

export interface HealthAnswer {
  readonly status: 'ok'
  /** Each part of the world that the API depends on. */
  readonly parts: Readonly<Record<string, 'ok'>>
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
