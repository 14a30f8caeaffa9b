import { LoadError } from '#core/errors.ts'
import { chunkDigits } from '#core/loads/load.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import { type EnvelopeHeader, readEnvelopeHeader } from './envelope.ts'

/** A record of the stream that was given up, with what is needed to send it again. */
export type DeadRecord = Omit<StreamRecord, 'shard'>

/** A chunk that was set aside, as DynamoDB holds it (pk `LOAD#<id>`, sk `DEAD#<number, 7 digits>`). */
export interface DeadLetter {
  readonly load: string
  readonly tenant: string
  readonly dataset: string
  readonly chunk: number
  /** The object in the dead-letters bucket, and which of its records. */
  readonly object: string
  readonly record: number
  /** Why it was given up: Lambda's word for it, or the code of a problem. */
  readonly reason: string
  readonly rows: number
  /** As stored in the stream. */
  readonly bytes: number
  readonly partitionKey: string
  /** The first one that the chunk had, and when: a replay gives it another, and its place in the order stays. */
  readonly sequenceNumber: string
  readonly arrivedAt: string
  /** That of the record in `object`. */
  readonly lastSequenceNumber: string
  /** Of a dataset with an ordering key: its lane, and of how many. */
  readonly lane?: number
  readonly lanes?: number
  readonly notedAt: string
  /** When it was last sent again. */
  readonly sentAgainAt?: string
  /** DynamoDB TTL, epoch seconds. */
  readonly ttl: number
}

export const deadLetterKey = (load: string, chunk: number): { pk: string; sk: string } => ({
  pk: `LOAD#${load}`,
  sk: `DEAD#${chunkDigits(chunk)}`,
})

/** An object of the dead-letters bucket. */
export interface StoredLetters {
  readonly key: string
  readonly body: Buffer
  /** S3 metadata, lower case. */
  readonly metadata: Readonly<Record<string, string>>
}

/** What an object holds: records that were given up for one reason, or a note about something that is no record. */
type Contents =
  | { readonly kind: 'records'; readonly reason: string; readonly records: readonly DeadRecord[] }
  | { readonly kind: 'note' }
  | { readonly kind: 'unreadable'; readonly why: string }

/** By who wrote it: Lambda what it gave up, load-records what it cannot read, plan-load notes about objects. */
export function contentsOf(object: StoredLetters): Contents {
  if (object.key.startsWith('aws/lambda/')) return givenUp(object.body)
  if (object.key.startsWith('envelopes/')) return setAside(object)
  return object.key.startsWith('objects/') || object.key.startsWith('parked/')
    ? { kind: 'note' }
    : { kind: 'unreadable', why: 'nobody who writes here uses such a key' }
}

/**
 * Lambda's record of a batch that it gave up, with the batch as a string in `payload`:
 * https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
 */
function givenUp(body: Buffer): Contents {
  const record = parsed(body.toString('utf8'))
  const payload = textIn(record, 'payload')
  const event = payload === undefined ? undefined : parsed(payload)
  const records = isObject(event) && Array.isArray(event.Records) ? event.Records.map(recordOf) : undefined
  if (!records?.every((r) => r !== undefined)) return { kind: 'unreadable', why: 'it is no record of a failed batch of a stream' }
  const context = isObject(record) ? record.requestContext : undefined
  return { kind: 'records', reason: textIn(context, 'condition') ?? 'Unknown', records }
}

function recordOf(value: unknown): DeadRecord | undefined {
  const kinesis = isObject(value) ? value.kinesis : undefined
  const [data, partitionKey, sequenceNumber] = ['data', 'partitionKey', 'sequenceNumber'].map((name) => textIn(kinesis, name))
  const arrived = isObject(kinesis) ? kinesis.approximateArrivalTimestamp : undefined
  if (data === undefined || partitionKey === undefined || !isSequenceNumber(sequenceNumber) || typeof arrived !== 'number') return undefined
  return { data: Buffer.from(data, 'base64'), partitionKey, sequenceNumber, arrivedAt: new Date(arrived * 1000).toISOString() }
}

/** A record as it was, its place in the stream in the metadata. */
function setAside({ body, metadata }: StoredLetters): Contents {
  const { reason, 'partition-key': partitionKey, 'sequence-number': sequenceNumber, 'arrived-at': arrivedAt } = metadata
  if (reason === undefined || partitionKey === undefined || !isSequenceNumber(sequenceNumber) || !isTime(arrivedAt))
    return { kind: 'unreadable', why: 'its metadata does not say where in the stream it was' }
  return { kind: 'records', reason, records: [{ data: body, partitionKey, sequenceNumber, arrivedAt }] }
}

/** What objects hold that were looked into: a batch that Lambda gave up is many MB of JSON, and may hold many dead letters of one load. */
const lookedInto = new WeakMap<StoredLetters, Contents>()

/** The record that a dead letter speaks of; undefined when the object is not the one that was noted. */
export function recordIn(object: StoredLetters, { record }: Pick<DeadLetter, 'record'>): DeadRecord | undefined {
  const contents = lookedInto.get(object) ?? contentsOf(object)
  lookedInto.set(object, contents)
  return contents.kind === 'records' ? contents.records[record] : undefined
}

/** The header of a record's envelope, or why there is none. */
export function headerOf(data: Buffer): EnvelopeHeader | { readonly why: string } {
  try {
    return readEnvelopeHeader(data)
  } catch (error) {
    if (error instanceof LoadError) return { why: error.message }
    throw error
  }
}

/** Sequence numbers are decimal, of any length, without leading zeros. */
export function isEarlier(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length
}

/** In the order in which the stream took them. */
export const inOrder = <T extends { readonly sequenceNumber: string }>(deadLetters: readonly T[]): T[] =>
  [...deadLetters].sort((a, b) => (isEarlier(a.sequenceNumber, b.sequenceNumber) ? -1 : 1))

const isSequenceNumber = (text: string | undefined): text is string => text !== undefined && /^\d{1,128}$/.test(text)
const isTime = (text: string | undefined): text is string => text !== undefined && !Number.isNaN(Date.parse(text))
const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === 'object' && v !== null
const textIn = (v: unknown, name: string): string | undefined => {
  const value = isObject(v) ? v[name] : undefined
  return typeof value === 'string' ? value : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
