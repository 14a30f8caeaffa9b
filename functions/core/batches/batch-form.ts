import { LoadError, RequestError } from '#core/errors.ts'
import { type CsvDialect, standardCsv } from '#core/rows/csv-dialect.ts'
import type { BatchFormat, Compression } from '#core/rows/encoding.ts'
import { refuseForeign } from '#core/rows/foreign.ts'
import { compressionOf, magicBytes } from '#core/rows/sniff.ts'

export const batchLimits = {
  /** Bytes of a body as it is received. Lambda takes 6 MB an event; base64 makes four bytes of three, and headers are part of it. */
  received: 4 * 1024 * 1024,
  /** Bytes of text once it is inflated, all of which is held. */
  text: 64 * 1024 * 1024,
  rows: 100_000,
} as const

/** How the text of a batch is written. */
export interface BatchForm {
  readonly format: BatchFormat
  readonly csv?: CsvDialect
}

/** What the headers of a batch say. */
export interface BatchRequest {
  readonly form: BatchForm
  /** Of a body that says how it is compressed. */
  readonly compression: Compression | undefined
  /** Rows the client counted. */
  readonly rows: number | undefined
}

/** How the format of a batch is declared. */
export const declaring = (format: string): string => {
  const type = [...textTypes].find(([, its]) => its === format)?.[0]
  return type ? `send it as Content-Type ${type}, or if it is compressed with X-Millrace-Format: ${format}` : 'send it as a file'
}

const textTypes: ReadonlyMap<string, BatchFormat> = new Map([
  ['application/x-ndjson', 'ndjson'],
  ['application/json', 'json'],
  ['text/csv', 'csv'],
])
const compressedTypes: ReadonlyMap<string, Compression> = new Map([
  ['application/gzip', 'gzip'],
  ['application/zstd', 'zstd'],
])
export const batchContentTypes: readonly string[] = [...textTypes.keys(), ...compressedTypes.keys()]

/** API Gateway has undone the first two, and leaves the header; the others are no encoding, or show in the bytes. */
const encodings: ReadonlySet<string> = new Set(['gzip', 'deflate', 'identity', 'zstd'])

/**
 * @param header a request header by its lower-case name
 * @throws RequestError content-type-unsupported, invalid-request
 */
export function batchRequest(header: (name: string) => string | undefined): BatchRequest {
  const [type = '', ...parameters] = (header('content-type') ?? '').split(';').map((part) => part.trim().toLowerCase())
  const encoding = header('content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (!encodings.has(encoding)) throw unsupported(`Content-Encoding ${shown(encoding)} is not read`)
  const compression = compressedTypes.get(type)
  if (!compression && !textTypes.has(type))
    throw unsupported(type === '' ? 'There is no Content-Type' : `Content-Type ${shown(type)} is not read`)
  const charset = parameter(parameters, 'charset') ?? 'utf-8'
  if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii')
    throw unsupported(`The charset ${shown(charset)} is not read: send UTF-8`)
  const format = formatOf(header('x-millrace-format')?.toLowerCase(), type)
  const bare = format === 'csv' && parameter(parameters, 'header') === 'absent'
  return { form: { format, ...(bare && { csv: { ...standardCsv, header: false } }) }, compression, rows: rowsOf(header('x-millrace-rows')) }
}

function formatOf(named: string | undefined, type: string): BatchFormat {
  const own = textTypes.get(type)
  const formats: readonly BatchFormat[] = [...textTypes.values()]
  const format = named === undefined ? own : formats.find((known) => known === named)
  if (format !== undefined && (own === undefined || own === format)) return format
  const detail =
    named === undefined ? `is needed with ${type}: ndjson, json or csv` : `is ${shown(named)}, and must be ${own ?? 'ndjson, json or csv'}`
  throw new RequestError('invalid-request', `X-Millrace-Format ${detail}`, { errors: [{ pointer: '/headers/x-millrace-format', detail }] })
}

function rowsOf(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text)
  const detail = 'is no number of rows'
  throw new RequestError('invalid-request', `X-Millrace-Rows ${detail}`, { errors: [{ pointer: '/headers/x-millrace-rows', detail }] })
}

/**
 * How a body is compressed, by its first bytes: API Gateway has inflated what had a Content-Encoding, and others have not.
 * @throws LoadError compression-mismatch, or format-unsupported for what is no text either
 */
export function compressionIn(body: Buffer, declared: Compression | undefined): Compression {
  const found = compressionOf(body.subarray(0, magicBytes))
  if (declared === undefined || declared === found) return found
  if (found === 'none') refuseForeign(body)
  throw new LoadError('compression-mismatch', `The body is said to be ${declared}, and is ${found === 'none' ? 'not compressed' : found}.`)
}

const parameter = (parameters: readonly string[], name: string): string | undefined =>
  parameters
    .find((each) => each.startsWith(`${name}=`))
    ?.slice(name.length + 1)
    .replace(/^"(.*)"$/, '$1')

const unsupported = (what: string): RequestError =>
  new RequestError('content-type-unsupported', `${what}; send ${batchContentTypes.join(', ')}`)
const shown = (text: string): string => JSON.stringify(text.slice(0, 60))
