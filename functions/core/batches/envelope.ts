import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { LoadError } from '#core/errors.ts'
import { isLoadId } from '#core/loads/load-id.ts'
import type { RejectSum } from '#core/rejects/reject-sums.ts'
import { type CsvDialect, csvDialectFault } from '#core/rows/csv-dialect.ts'
import { decodePlaces, encodePlaces, type Places } from './places.ts'

/**
 * One record of the stream: one chunk of a batch. Bytes: `MR`, the version, the length of the header and its CRC32 (4 bytes each, highest first),
 * the header (JSON), then one zstd frame with the text and the places of its rows. A chunk without rows ends with its header.
 */
export interface EnvelopeHeader {
  readonly tenant: string
  readonly dataset: string
  readonly load: string
  readonly chunk: number
  /** True for the load's last chunk. */
  readonly last: boolean
  readonly traceparent: string
  /** Of the load, ISO 8601: its day decides which partitions a row may go to. */
  readonly createdAt: string
  /** DynamoDB TTL of the load's items, epoch seconds. */
  readonly ttl: number
  readonly format: 'ndjson' | 'csv'
  /** Of CSV: never with a header line, always with its columns. */
  readonly csv?: CsvDialect
  /** Where this text begins among all texts of the load, its bytes, and their CRC32. */
  readonly start: number
  readonly size: number
  readonly crc32: number
  /** Rows of the text, as the door counted them. */
  readonly rows: number
  /** Rows that the door refused. Their rejects are stored already, under this chunk. */
  readonly refused?: { readonly rows: number; readonly sums: readonly RejectSum[] }
  /** With an ordering key: of how many lanes, and which. */
  readonly lane?: number
  readonly lanes?: number
  /** Of an envelope that was set aside and is sent again. */
  readonly replay?: Replayed
}

/** The place that a chunk had in the order in which batches were accepted, before it was set aside. */
export interface Replayed {
  /** Sequence number of its first record. */
  readonly position: string
  /** When the stream took that one, ISO 8601. */
  readonly arrivedAt: string
  /** True when it may put its rows over newer ones. */
  readonly allowOlderRows: boolean
}

export interface Envelope {
  readonly header: EnvelopeHeader
  /** Rows as they were sent; of a JSON array one element a line. */
  readonly text: Buffer
  readonly places: Places
}

/** A record that is not loaded: whole, it goes to the dead letters, and its load ends with this problem where it is known. */
export class EnvelopeError extends LoadError {
  constructor(code: 'envelope-unreadable' | 'envelope-version-unknown', what: string, cause?: unknown) {
    super(code, `The record ${what}. It is kept in the dead letters.`, cause === undefined ? {} : { cause })
  }
}

const magic = Buffer.from('MR')
const version = 1
/** Bytes before the header. */
const preamble = 11
/** The longest header names 1,000 columns of 63 bytes. */
const mostHeaderBytes = 256 * 1024
/** A text is one row of 1 MiB and its newline, or about a million bytes of shorter ones; its places are fewer bytes than it. */
const mostTextBytes = 2 * 1024 * 1024
const mostPlacesBytes = 4 * 1024 * 1024

/** The same header, text and places are the same bytes. The frame has a checksum of its own, which covers the places. */
export function encodeEnvelope({ header, text, places }: Envelope): Buffer {
  const params = { [constants.ZSTD_c_checksumFlag]: 1 }
  return sealed(header, text.length === 0 ? Buffer.alloc(0) : zstdCompressSync(joined(text, encodePlaces(places)), { params }))
}

/** Where texts are joined with their places, one after the other: many envelopes are made in a row, and each would leave a megabyte to be collected. */
let scratch = Buffer.alloc(0)

function joined(text: Buffer, places: Buffer): Buffer {
  const size = text.length + places.length
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(size)
  text.copy(scratch)
  places.copy(scratch, text.length)
  return scratch.subarray(0, size)
}

function sealed(header: EnvelopeHeader, frame: Buffer): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const start = Buffer.alloc(preamble)
  magic.copy(start)
  start.writeUInt8(version, 2)
  start.writeUInt32BE(json.length, 3)
  start.writeUInt32BE(crc32(json), 7)
  return Buffer.concat([start, json, frame])
}

/**
 * The same envelope with the place that it had: its text stays as it is, compressed.
 * @throws EnvelopeError
 */
export function replayed(bytes: Uint8Array, replay: Replayed): Buffer {
  const buffer = bufferOf(bytes)
  const end = headerEnd(buffer)
  const header: EnvelopeHeader = { ...headerIn(buffer, end), replay }
  return sealed(header, buffer.subarray(end))
}

/**
 * What an envelope says of itself, without its text being inflated.
 * @throws EnvelopeError
 */
export function readEnvelopeHeader(bytes: Uint8Array): EnvelopeHeader {
  const buffer = bufferOf(bytes)
  return headerIn(buffer, headerEnd(buffer))
}

/**
 * The whole envelope, its text checked against its size and CRC32.
 * @throws EnvelopeError
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const buffer = bufferOf(bytes)
  const end = headerEnd(buffer)
  const header = headerIn(buffer, end)
  const body = buffer.length === end ? Buffer.from('[]') : inflated(buffer.subarray(end), header.size)
  const text = body.subarray(0, header.size)
  if (text.length !== header.size || (buffer.length === end && header.size > 0)) throw unreadable(`has no text of ${header.size} bytes`)
  if (crc32(text) !== header.crc32) throw unreadable('has a text whose CRC32 is not the one that it was sent with')
  const places = decodePlaces(body.subarray(header.size))
  if (!places) throw unreadable('does not say where its rows stood')
  return { header, text, places }
}

function headerEnd(buffer: Buffer): number {
  if (buffer.length <= magic.length || !buffer.subarray(0, magic.length).equals(magic)) throw unreadable('is no envelope of Millrace')
  // Before anything else is read: another version may mean other things by the same bytes.
  if (buffer[2] !== version)
    throw new EnvelopeError('envelope-version-unknown', `is an envelope of version ${buffer[2]}; ${version} is known`)
  const length = buffer.length < preamble ? Number.POSITIVE_INFINITY : buffer.readUInt32BE(3)
  if (length > mostHeaderBytes || preamble + length > buffer.length) throw unreadable('ends within its header')
  return preamble + length
}

function inflated(frame: Buffer, size: number): Buffer {
  try {
    return zstdDecompressSync(frame, { maxOutputLength: size + mostPlacesBytes })
  } catch (cause) {
    throw unreadable('has a text that cannot be inflated', cause)
  }
}

function headerIn(buffer: Buffer, end: number): EnvelopeHeader {
  const json = buffer.subarray(preamble, end)
  if (crc32(json) !== buffer.readUInt32BE(7)) throw unreadable('has a header whose CRC32 is not the one that it was sent with')
  let value: unknown
  try {
    value = JSON.parse(json.toString('utf8'))
  } catch (cause) {
    throw unreadable('has a header that is no JSON', cause)
  }
  const header = value as EnvelopeHeader
  const wrong = typeof value === 'object' && value !== null ? Object.keys(checks).find((name) => !valid(header, name)) : 'all'
  if (wrong !== undefined) throw unreadable(`has a header that is not valid (${wrong})`)
  return header
}

const valid = (header: EnvelopeHeader, name: string): boolean => {
  const value: unknown = Object.hasOwn(header, name) ? header[name as keyof EnvelopeHeader] : undefined
  return checks[name as keyof EnvelopeHeader](value, header)
}

type Check = (value: unknown, header: EnvelopeHeader) => boolean
const isText: Check = (v) => typeof v === 'string' && v !== ''
const isTime = (v: unknown): boolean => typeof v === 'string' && !Number.isNaN(Date.parse(v))
const isCount = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0
const upTo =
  (most: number): Check =>
  (v) =>
    isCount(v) && v <= most
const optional =
  (check: Check): Check =>
  (v, header) =>
    v === undefined || check(v, header)

const checks: { readonly [N in keyof Required<EnvelopeHeader>]: Check } = {
  tenant: isText,
  dataset: isText,
  load: (v) => typeof v === 'string' && isLoadId(v),
  // Seven digits in the keys of DynamoDB and S3
  chunk: upTo(9_999_999),
  last: (v) => typeof v === 'boolean',
  traceparent: isText,
  createdAt: isTime,
  ttl: isCount,
  format: (v) => v === 'ndjson' || v === 'csv',
  csv: (v, { format }) => (format === 'csv' ? isDialect(v) : v === undefined),
  start: isCount,
  size: upTo(mostTextBytes),
  crc32: upTo(0xffffffff),
  rows: isCount,
  refused: optional((v) => isObject(v) && isCount(v.rows) && Array.isArray(v.sums) && v.sums.every(isSum)),
  lane: optional(isCount),
  lanes: optional(isCount),
  replay: optional(
    (v) => isObject(v) && /^\d{1,128}$/.test(String(v.position)) && isTime(v.arrivedAt) && typeof v.allowOlderRows === 'boolean',
  ),
}

const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === 'object' && v !== null
const isSum = (v: unknown): boolean =>
  isObject(v) && typeof v.code === 'string' && (v.column === null || typeof v.column === 'string') && Number.isSafeInteger(v.rows)

const isMark = (v: unknown): v is string => typeof v === 'string' && v.length === 1
const isNames = (v: unknown): v is string[] => Array.isArray(v) && v.every((name) => typeof name === 'string')

function isDialect(v: unknown): boolean {
  if (!isObject(v)) return false
  const { delimiter, quote, null: nullText, header, columns } = v
  if (header !== false || !isMark(delimiter) || !isMark(quote) || typeof nullText !== 'string' || !isNames(columns)) return false
  return csvDialectFault({ delimiter, quote, null: nullText, header, columns }) === undefined
}

const unreadable = (what: string, cause?: unknown): EnvelopeError => new EnvelopeError('envelope-unreadable', what, cause)
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
