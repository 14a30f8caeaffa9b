import * as z from 'zod'
import type { Receipt } from '#core/loads/receipt.ts'
import { waitingCodes } from '#core/loads/waiting.ts'
import { type Problem, type ProblemCode, problems } from '#core/problems.ts'
import type { Reject } from '#core/rejects/reject.ts'
import { compressions, formats } from '#core/rows/encoding.ts'
import {
  type BatchAnswer,
  type DatasetAnswer,
  type HealthAnswer,
  maxRejects,
  type OpenUploadAnswer,
  type Page,
  type SignedPart,
  type UploadAnswer,
} from './contract.ts'
import type { DeadLetterAnswer, ReplayAnswer, StreamPage } from './replay-contract.ts'

/**
 * The answers as schemas, for the OpenAPI document and for the tests that hold real answers against it. `satisfies`
 * keeps each equal to the type that handlers and client share.
 */
const count = z.int().min(0)
const time = z.iso.datetime()
const hex = z.string().regex(/^[0-9a-f]{8}$/)
const loadId = z.string().regex(/^ld_[0-9a-hjkmnp-tv-z]{26}$/)
const state = z.enum(['receiving', 'loading', 'complete', 'failed', 'aborted', 'expired'])

const codes = Object.keys(problems) as [ProblemCode, ...ProblemCode[]]
export const problemAnswer = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(codes),
  instance: z.string().exactOptional(),
  errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })).exactOptional(),
}) satisfies z.ZodType<Problem>

export const receiptAnswer = z.strictObject({
  id: loadId,
  dataset: z.string(),
  door: z.enum(['file', 'batch']),
  state,
  fileName: z.string().nullable(),
  format: z.enum(formats).nullable().describe('as declared, else as found in the file; null until it was looked at'),
  compression: z.enum(compressions).nullable(),
  rows: z
    .strictObject({ received: count, loaded: count, updated: count, duplicate: count, rejected: count, pending: z.int() })
    .describe('received = loaded + updated + duplicate + rejected + pending'),
  rejects: z
    .strictObject({
      max: maxRejects.nullable().describe('the most that the load takes; null: any number'),
      byCode: z.array(z.strictObject({ code: z.string(), column: z.string().nullable(), rows: count })).max(20),
      others: z.int(),
    })
    .describe('the most frequent codes and columns, exact; `others` are the rejected rows that they do not cover'),
  ignored: z
    .strictObject({ byName: z.array(z.strictObject({ name: z.string(), rows: count })).max(50), others: count })
    .describe(
      'columns and keys that the dataset does not declare and passes over, and in how many rows: the most frequent; `others` is how often further names were passed over',
    ),
  chunks: z.strictObject({ planned: count.nullable(), committed: count }),
  bytes: z.strictObject({ received: count, read: count }),
  checksum: z.strictObject({ algorithm: z.literal('CRC32'), uploaded: hex.nullable(), loaded: hex.nullable() }),
  problem: problemAnswer.nullable(),
  waiting: z
    .strictObject({ code: z.enum(waitingCodes), detail: z.string(), since: time })
    .nullable()
    .describe('what a load that is not over waits for; it goes on by itself'),
  trace: z.string(),
  createdAt: time,
  startedAt: time.nullable(),
  committedAt: time.nullable(),
  expiresAt: time.nullable(),
  links: z.strictObject({
    self: z.string(),
    rejects: z.string(),
    fixes: z.string().nullable(),
    fixedBy: z.array(z.string()),
    source: z.string().nullable(),
  }),
}) satisfies z.ZodType<Receipt>

const opened = {
  loadId,
  partSize: count.describe('bytes of every part but the last'),
  partCount: z.int().min(1).max(10_000),
  expiresAt: time,
  links: z.strictObject({ self: z.string(), parts: z.string(), complete: z.string(), receipt: z.string() }),
}
export const openUploadAnswer = z.strictObject(opened) satisfies z.ZodType<OpenUploadAnswer>
export const uploadAnswer = z.strictObject({
  ...opened,
  state,
  parts: z.array(z.strictObject({ number: z.int(), size: count, crc32: hex })).describe('the parts that S3 has'),
}) satisfies z.ZodType<UploadAnswer>

export const signedParts = z.array(
  z.strictObject({
    number: z.int(),
    url: z.string(),
    headers: z.record(z.string(), z.string()).describe('send exactly these with the PUT: they are signed'),
    expiresAt: time,
  }),
) satisfies z.ZodType<SignedPart[]>

export const datasetAnswer = z.strictObject({
  name: z.string(),
  description: z.string(),
  primaryKey: z.array(z.string()),
  onConflict: z.enum(['ignore', 'update']),
  orderingKey: z.string().nullable(),
  version: z.string().nullable(),
  limits: z.strictObject({ rowBytes: count, fileBytes: count, maxRejects: maxRejects.exactOptional() }),
  schema: z.unknown().describe('JSON Schema 2020-12 of one row'),
}) satisfies z.ZodType<DatasetAnswer>

const rejectAnswer = z.strictObject({
  line: z.int().min(1).nullable().describe('line in the file, from 1; null until every earlier chunk is committed'),
  offset: count.describe('byte offset of the row in the text, after decompression'),
  column: z.string().nullable(),
  code: z.string(),
  message: z.string(),
  raw: z.string().describe('the row as received, cut after 8 KiB'),
  truncated: z.boolean(),
}) satisfies z.ZodType<Reject>

export const batchAnswer = z.strictObject({
  receipt: receiptAnswer,
  rejects: z.array(rejectAnswer).describe('the first 20 of the rows that were refused at once; all of them are at the receipt’s link'),
}) satisfies z.ZodType<BatchAnswer>

const next = z.string().nullable().describe('the cursor of the next page; null on the last')
export const datasetPage = z.strictObject({ items: z.array(datasetAnswer), next }) satisfies z.ZodType<Page<DatasetAnswer>>
export const loadPage = z.strictObject({ items: z.array(receiptAnswer), next }) satisfies z.ZodType<Page<Receipt>>
export const rejectPage = z.strictObject({ items: z.array(rejectAnswer), next }) satisfies z.ZodType<Page<Reject>>

const numbers = z.array(z.int()).max(100)
export const replayAnswer = z.strictObject({
  loadId,
  state,
  would: z
    .enum(['plan', 'send', 'nothing'])
    .describe('`plan`: load from the uploaded object; `send`: put what was set aside into the stream again'),
  reason: z.string(),
  into: z.strictObject({ dataset: z.string(), load: loadId }).nullable().describe('the load that would be made, when it was asked for'),
  chunks: z
    .strictObject({
      planned: count.nullable(),
      committed: count,
      missing: numbers.describe('neither committed nor set aside'),
      missingCount: count.nullable(),
      dead: numbers.describe('set aside'),
      deadCount: count,
    })
    .describe('the first 100 of each'),
  order: z
    .strictObject({
      verdict: z.enum(['harmless', 'safe', 'older-rows']),
      detail: z.string(),
      older: z.array(z.strictObject({ chunk: count, rows: count, keys: z.array(z.string()) })),
      first: z.array(loadId).describe('other loads to be replayed before this one, in this order'),
    })
    .nullable()
    .describe('whether newer rows of the same keys would be lost; `older-rows` is done only with `allowOlderRows`'),
}) satisfies z.ZodType<ReplayAnswer>

export const streamPage = z.strictObject({
  from: time,
  to: time,
  items: z.array(
    z.strictObject({
      load: loadId,
      chunk: count,
      state: z.enum(['committed', 'dead', 'waiting']),
      rows: count,
      bytes: count,
      acceptedAt: time,
      format: z.enum(['ndjson', 'csv']),
      text: z
        .string()
        .nullable()
        .exactOptional()
        .describe('the rows, with `texts`: as they can be sent as a batch; null when they cannot be read'),
    }),
  ),
  sent: count.describe('chunks of this page that were sent again'),
  next,
}) satisfies z.ZodType<StreamPage>

const deadLetterAnswer = z.strictObject({
  load: loadId,
  dataset: z.string(),
  chunk: count,
  state: z.enum(['dead', 'sent-again']).describe('`sent-again`: a replay has put it back into the stream, and nothing is known of it yet'),
  reason: z.string().describe('Lambda’s word, such as RetryAttemptsExhausted, or the code of a problem'),
  rows: count,
  bytes: count.describe('as it was in the stream'),
  acceptedAt: time,
  notedAt: time,
  sentAgainAt: time.nullable(),
  kept: z.strictObject({ object: z.string(), record: count }).describe('where it lies, for whoever runs the deployment'),
  links: z.strictObject({ rows: z.string(), load: z.string() }),
}) satisfies z.ZodType<DeadLetterAnswer>
export const deadLetterPage = z.strictObject({ items: z.array(deadLetterAnswer), next }) satisfies z.ZodType<Page<DeadLetterAnswer>>

export const healthAnswer = z.strictObject({
  status: z.literal('ok'),
  parts: z.record(z.string(), z.literal('ok')),
}) satisfies z.ZodType<HealthAnswer>
