/** A record of the stream, and its place there. */
export interface StreamRecord {
  readonly shard: string
  readonly partitionKey: string
  /** In a lane it grows in the order in which records were accepted. */
  readonly sequenceNumber: string
  /** When the stream took it, ISO 8601. */
  readonly arrivedAt: string
  readonly data: Buffer
}
