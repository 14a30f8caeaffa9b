/**
 * What the event source needs of the world. The same code runs against an emulator in real time and against a model in virtual time;
 * only these differ.
 */
export interface StreamRecord {
  readonly sequenceNumber: string
  readonly partitionKey: string
  readonly data: Uint8Array
  /** ApproximateArrivalTimestamp, milliseconds since 1970. */
  readonly arrivedAt: number
}

/** Where reading of a shard begins. */
export type Position =
  | { readonly from: 'trim-horizon' }
  | { readonly from: 'timestamp'; readonly at: number }
  | { readonly from: 'after'; readonly sequenceNumber: string }

export interface Shard {
  readonly id: string
  /** One after a split, two after a merge, none for a shard the stream began with. They may have left the stream already. */
  readonly parents: readonly string[]
  /** It takes no more records. */
  readonly closed: boolean
}

export interface Page {
  readonly records: readonly StreamRecord[]
  /** There are more records now. */
  readonly behind: boolean
  /** The shard is closed and everything in it has been read. */
  readonly ended: boolean
}
export interface ShardReader {
  read(): Promise<Page>
}
export interface Source {
  listShards(): Promise<readonly Shard[]>
  open(shard: string, position: Position): ShardReader
}

/** What became of one synchronous invocation. */
export type Invocation =
  | { readonly kind: 'responded'; readonly requestId: string; readonly payload: unknown }
  /** The function was reached and failed: it threw, timed out or died. */
  | { readonly kind: 'failed'; readonly requestId: string; readonly message: string }
  /** The function was not reached: throttled, or Lambda itself failed. */
  | { readonly kind: 'not-invoked'; readonly reason: string }

/** @param event the invocation's JSON. Never rejects for what a function or Lambda does. */
export type Invoke = (event: string) => Promise<Invocation>

/** A batch that was given up. */
export interface FailureRecord {
  readonly shardId: string
  /** The document AWS sends to SQS and SNS. */
  readonly metadata: object
  /** The event of the invocation: only an S3 destination gets it. */
  readonly payload: string
  readonly at: number
}
/** Resolves when the destination has it. */
export type SendFailure = (failure: FailureRecord) => Promise<void>

export type ShardMark = { readonly state: 'reading'; readonly position: Position } | { readonly state: 'finished' }
/** How far each shard is. A shard that is not in it has not been begun. */
export interface Checkpoint {
  readonly shards: Readonly<Record<string, ShardMark>>
}
export interface CheckpointStore {
  load(): Promise<Checkpoint | undefined>
  save(checkpoint: Checkpoint): Promise<void>
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Resolves after the time, or as soon as the signal is aborted; never rejects. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export interface Ports {
  readonly clock: Clock
  readonly source: Source
  readonly invoke: Invoke
  /** Left out when the mapping has no destination: what is given up is then only logged. */
  readonly sendFailure?: SendFailure | undefined
  readonly checkpoints: CheckpointStore
  readonly log: (line: string) => void
}
