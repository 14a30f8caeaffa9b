import type { BatchAnswer } from '../../functions/core/api/contract.ts'
import type { Compressor } from './compress.ts'
import { randomKey } from './keys.ts'
import type { Answer, CallOptions } from './transport.ts'

export interface SendBatchOptions extends CallOptions {
  /** Of a body that is text or bytes. Default ndjson; objects are sent as that. */
  readonly format?: 'ndjson' | 'json' | 'csv'
  /** How the body is compressed already. One that is not is compressed on its way. */
  readonly compressed?: 'gzip' | 'zstd'
  /** The same key and rows again are loaded once, and get the first answer again. Default: a random one, which covers the retries of this call only. */
  readonly key?: string
  /** Rows there are, as counted here: a body that was cut on its way is refused. Known of objects. */
  readonly rows?: number
  /** Hold the answer until the rows are committed, 25 s at most. Default false. */
  readonly wait?: boolean
}
/** The receipt of a batch, and the first rows that were refused at once. With `wait` the load may be over; else `waitFor(receipt.id)` follows it. */
export interface SentBatch extends BatchAnswer {
  readonly key: string
  /** True when the key had been used before, by this same batch. */
  readonly replayed: boolean
}

/** The rows of one batch: as text or bytes in some format, or as objects. */
export type BatchBody = string | Uint8Array<ArrayBuffer> | readonly object[]

interface Request {
  readonly path: string
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer>
}

const mediaTypes = { ndjson: 'application/x-ndjson', json: 'application/json', csv: 'text/csv' } as const
/** Bytes below which compressing costs more than it saves. */
const worthCompressing = 1024

/** Makes the request of one batch; every attempt sends the same. */
export async function batchRequest(dataset: string, rows: BatchBody, options: SendBatchOptions, compressor: Compressor): Promise<Request> {
  const format = options.format ?? 'ndjson'
  const plain = bytesOf(rows)
  const compress = options.compressed === undefined && plain.length >= worthCompressing
  const compression = compress ? compressor.name : options.compressed
  const key = options.key ?? randomKey()
  const counted = options.rows ?? (Array.isArray(rows) ? rows.length : undefined)
  // A Content-Encoding would be undone by API Gateway, and the function would get many times the bytes.
  const type: Record<string, string> =
    compression === undefined
      ? { 'content-type': mediaTypes[format] }
      : { 'content-type': `application/${compression}`, 'x-millrace-format': format }
  return {
    path: `/datasets/${encodeURIComponent(dataset)}/batches${options.wait ? '?wait=true' : ''}`,
    key,
    headers: { ...type, 'idempotency-key': key, ...(counted !== undefined && { 'x-millrace-rows': String(counted) }) },
    body: compress ? await compressor.compress(plain) : plain,
  }
}

export function readBatchAnswer({ text, headers }: Answer, key: string): SentBatch {
  const { receipt, rejects } = JSON.parse(text) as BatchAnswer
  return { receipt, rejects, key: headers.get('idempotency-key') ?? key, replayed: headers.get('idempotency-replayed') === 'true' }
}

function bytesOf(rows: BatchBody): Uint8Array<ArrayBuffer> {
  if (rows instanceof Uint8Array) return rows
  return new TextEncoder().encode(typeof rows === 'string' ? rows : rows.map(rowLine).join(''))
}

/** One row as a line of NDJSON. A BigInt beyond what a JSON number holds exactly becomes a string of digits, as column type bigint takes it. */
export const rowLine = (row: object): string => `${JSON.stringify(row, exactBigInt)}\n`

const exactBigInt = (_: string, value: unknown): unknown =>
  typeof value !== 'bigint' ? value : Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
