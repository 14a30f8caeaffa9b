import type { Dataset } from '#core/dataset.ts'
import type { Envelope, EnvelopeHeader } from '#core/envelope.ts'
import { type EnvelopeRows, rowsOf } from '#core/envelope-rows.ts'

/** A record of the stream as the function gets it. */
export interface StreamRecord {
  readonly sequenceNumber: string
  readonly partitionKey: string
  readonly shard: string
  /** When the stream took it, ISO 8601. */
  readonly arrivedAt: string
  readonly data: Buffer
}

/** A chunk that came as one record. */
export interface RecordChunk extends EnvelopeRows {
  readonly header: EnvelopeHeader
  readonly record: StreamRecord
}

export const recordChunk = (record: StreamRecord, envelope: Envelope, dataset: Dataset): RecordChunk => ({
  header: envelope.header,
  record,
  ...rowsOf(envelope, dataset),
})
