import type { MaxRejects } from '#core/dataset/max-rejects.ts'
import type { Problem } from '#core/problems.ts'
import { problemOf } from '#core/rejects/max-rejects.ts'
import { listedSums, type RejectSum, type SumAttributes } from '#core/rejects/reject-sums.ts'
import type { CsvDialect } from '#core/rows/csv-dialect.ts'
import type { BatchFormat, Compression, DeclaredEncoding, Encoding, Format } from '#core/rows/encoding.ts'
import { type Ignored, nothingIgnored } from '#core/rows/ignored.ts'
import { finalStates, type LoadState, type Outcomes, type Receipt } from './receipt.ts'
import type { Waiting } from './waiting.ts'

/** A load as DynamoDB holds it (pk `LOAD#<id>`, sk `LOAD`). Counts are sums over its chunk items. */
interface AnyLoad extends SumAttributes {
  readonly id: string
  readonly tenant: string
  readonly dataset: string
  readonly state: LoadState
  /** Of CSV that is not written the standard way; of a batch always with the columns and never with a header, as its envelopes have it. */
  readonly csv?: CsvDialect
  /** Bytes that the chunks must have read at the end: of a file its declared size, of a batch its envelopes' texts. */
  readonly size: number
  readonly expectedRows?: number
  /** Fixed when the load is opened, from the request or the dataset. */
  readonly maxRejects?: MaxRejects
  /** The load whose rejects this one corrects, and the loads that were opened to correct this one's. */
  readonly fixes?: string
  readonly fixedBy?: readonly string[]
  /** CRC32 of those bytes, 8 hex digits: of a file combined from the parts at completion. */
  readonly uploadedCrc32?: string
  /** CRC32 combined from what the chunks read, set when the load ends. */
  readonly loadedCrc32?: string
  /** Hash of the opening request: the same Idempotency-Key with another one is refused. */
  readonly fingerprint: string
  readonly traceparent: string
  /** Chunks planned; absent while the length of the text is not known. */
  readonly planned?: number
  readonly committed: number
  readonly bytesRead: number
  /** Rows counted where the bytes were split. */
  readonly received: number
  readonly loaded: number
  readonly updated: number
  readonly duplicate: number
  readonly rejected: number
  /** What the chunks passed over; absent when they passed over nothing. */
  readonly ignored?: Ignored
  readonly problem?: Problem
  /** What keeps the load from going on by itself just now. */
  readonly waiting?: Waiting
  readonly createdAt: string
  readonly startedAt?: string
  readonly committedAt?: string
  /** When a load that is still receiving counts as expired, ISO 8601. Checked on every read: deletion lags. */
  readonly expiresAt: string
  /** DynamoDB TTL of the item, epoch seconds. */
  readonly ttl: number
}

/** One uploaded file. */
export interface FileLoad extends AnyLoad, DeclaredEncoding {
  readonly door: 'file'
  readonly fileName: string
  readonly partSize: number
  readonly partCount: number
  readonly uploadId: string
  readonly objectKey: string
  /** The load that the object was uploaded for, where it is another one: this one loads it once more. */
  readonly source?: string
  /** CRC32 of the whole object declared by the client, 8 hex digits. */
  readonly declaredCrc32?: string
  /** Text bytes a chunk owns; fixed by the first plan, so that every retry builds the same chunks. */
  readonly chunkSize?: number
  /** Chunks of which it is known where their rows may begin, where that must be found out first. */
  readonly edged?: number
}

/** One batch, whose chunks are the records of the stream. Its plan is fixed before the first of them is sent. */
export interface BatchLoad extends AnyLoad, Encoding {
  readonly door: 'batch'
  readonly format: BatchFormat
  readonly planned: number
  readonly uploadedCrc32: string
  readonly expectedRows: number
  /** Lanes that the rows were dealt to, where the dataset has an ordering key: a request that goes on deals them alike. */
  readonly lanes?: number
  /** Names the request that is sending the records; none does once they are all acknowledged. */
  readonly lock?: string
  /** Epoch milliseconds until which no other request may take over. */
  readonly lockedUntil?: number
  /** Chunks that the stream has acknowledged, of a request that could not send them all. */
  readonly sent?: readonly number[]
}

export type Load = FileLoad | BatchLoad

/** The load that a file's object was uploaded for: its metadata names it. */
export const sourceOf = ({ id, source }: FileLoad): string => source ?? id

/** A file whose plan is fixed, and with it how its bytes are read. */
export interface PlannedLoad extends FileLoad, Encoding {
  readonly format: Format
  readonly compression: Compression
  readonly chunkSize: number
}
export const isPlanned = (load: Load): load is PlannedLoad =>
  load.door === 'file' && load.chunkSize !== undefined && load.format !== 'auto' && load.compression !== 'auto'

/**
 * What one committed chunk, or part of one, came to: the ledger row, and its projection (pk `LOAD#<id>`, sk `CHUNK#<number, 7 digits>`, of a
 * part after the first `#<part, 7 digits>` behind it, so that keys have the order of the text).
 */
export interface ChunkResult extends Outcomes {
  readonly chunk: number
  /** Which part of the chunk, where it was committed in several; absent: the first, as a rule the only one. */
  readonly part?: number
  /** True when rows of the chunk are left: they are its next part. */
  readonly more?: true
  /** Range of object bytes that the chunk's checksum covers: [sourceStart, sourceEnd). */
  readonly sourceStart: number
  readonly sourceEnd: number
  /** CRC32 of that range, unsigned. */
  readonly crc32: number
  /** Offset in the text (after decompression) at which the next chunk's first row begins. */
  readonly nextRow: number
  /** Lines the chunk's rows span, blank ones included: what later chunks add to get a line number in the file. */
  readonly lines: number
  readonly received: number
  /** What `rejected` is made of. */
  readonly rejects: readonly RejectSum[]
  /** What was passed over; absent when nothing was. */
  readonly ignored?: Ignored
  /** True when the text ends in this chunk. */
  readonly last: boolean
  readonly committedAt: string
}

/** How long a load can be asked about, and its Idempotency-Key is known, seconds. */
const keptFor = 90 * 24 * 3600

/** What every load begins with. @param now epoch milliseconds */
export const begun = (now: number) => ({
  ...{ committed: 0, bytesRead: 0, received: 0, loaded: 0, updated: 0, duplicate: 0, rejected: 0 },
  createdAt: new Date(now).toISOString(),
  ttl: Math.floor(now / 1000) + keptFor,
})

/** A part of a chunk: what is committed in one transaction. */
export interface ChunkPlace {
  readonly chunk: number
  readonly part: number
}
export const placeOf = ({ chunk, part = 0 }: Pick<ChunkResult, 'chunk' | 'part'>): ChunkPlace => ({ chunk, part })
/** The place that comes after a committed one. */
export const placeAfter = ({ chunk, part = 0, more }: Pick<ChunkResult, 'chunk' | 'part' | 'more'>): ChunkPlace =>
  more ? { chunk, part: part + 1 } : { chunk: chunk + 1, part: 0 }

/** A chunk's number in keys and names, whose order is then its own. */
export const chunkDigits = (chunk: number): string => String(chunk).padStart(7, '0')

export const loadKey = (id: string): { pk: string; sk: string } => ({ pk: `LOAD#${id}`, sk: 'LOAD' })
export const chunkKey = (id: string, chunk: number, part = 0): { pk: string; sk: string } => ({
  pk: `LOAD#${id}`,
  sk: `CHUNK#${chunkDigits(chunk)}${part === 0 ? '' : `#${chunkDigits(part)}`}`,
})
/** Where the rows of a chunk may begin. */
export const edgesKey = (id: string, chunk: number): { pk: string; sk: string } => ({
  pk: `LOAD#${id}`,
  sk: `EDGES#${chunkDigits(chunk)}`,
})
/** Where an upload's bytes live in the raw bucket. */
export const objectKey = (load: { tenant: string; dataset: string; id: string }): string => `${load.tenant}/${load.dataset}/${load.id}`
/** Where the rejects of a chunk, or of a part of it, live in the rejects bucket. */
export const rejectsKey = (load: { tenant: string; dataset: string; id: string }, chunk: number, part = 0): string =>
  `${objectKey(load)}/${chunkDigits(chunk)}${part === 0 ? '' : `-${chunkDigits(part)}`}.ndjson`

/** The state a reader is told: an upload past its window is expired whatever the item still says. */
export function effectiveState(load: Pick<Load, 'state' | 'expiresAt'>, now: number): LoadState {
  return load.state === 'receiving' && Date.parse(load.expiresAt) <= now ? 'expired' : load.state
}

const loadLink = (id: string): string => `/v1/loads/${id}`

/** The receipt is a view of the load; nothing in it is stored twice. `now` is epoch milliseconds. */
export function receiptOf(load: Load, now: number): Receipt {
  const state = effectiveState(load, now)
  const done = load.loaded + load.updated + load.duplicate + load.rejected
  // While loading, a declared row count says how much is still to come; at the end only what was counted counts.
  const received = finalStates.has(state) ? load.received : Math.max(load.received, load.expectedRows ?? 0)
  return {
    id: load.id,
    dataset: load.dataset,
    door: load.door,
    state,
    fileName: load.door === 'file' ? load.fileName : null,
    format: load.format === 'auto' ? null : load.format,
    compression: load.compression === 'auto' ? null : load.compression,
    rows: {
      received,
      loaded: load.loaded,
      updated: load.updated,
      duplicate: load.duplicate,
      rejected: load.rejected,
      pending: received - done,
    },
    rejects: { max: load.maxRejects ?? null, ...listedSums(load, load.rejected) },
    ignored: load.ignored ?? nothingIgnored,
    chunks: { planned: load.planned ?? null, committed: load.committed },
    bytes: { received: load.size, read: load.bytesRead },
    checksum: { algorithm: 'CRC32', uploaded: load.uploadedCrc32 ?? null, loaded: load.loadedCrc32 ?? null },
    problem: problemOf(load),
    waiting: finalStates.has(state) ? null : (load.waiting ?? null),
    trace: load.traceparent,
    createdAt: load.createdAt,
    startedAt: load.startedAt ?? null,
    committedAt: load.committedAt ?? null,
    expiresAt: state === 'receiving' ? load.expiresAt : null,
    links: {
      self: loadLink(load.id),
      rejects: `${loadLink(load.id)}/rejects`,
      fixes: load.fixes === undefined ? null : loadLink(load.fixes),
      fixedBy: (load.fixedBy ?? []).map(loadLink),
      source: load.door === 'file' && load.source !== undefined ? loadLink(load.source) : null,
    },
  }
}
