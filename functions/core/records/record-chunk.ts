import { decodeEnvelope, type EnvelopeHeader } from '#core/batches/envelope.ts'
import { type EnvelopeRows, rowsOf } from '#core/batches/envelope-rows.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import type { StreamRecord } from '#core/stream-record.ts'

/** A chunk that came as one record. */
export interface RecordChunk extends EnvelopeRows {
  readonly header: EnvelopeHeader
  readonly record: StreamRecord
}

/**
 * The chunk in a record of which the header is known. Its text is inflated when it is first read: while Postgres works on the chunk before, and never
 * when the ledger has the chunk. Reading throws EnvelopeError when it is damaged.
 */
export function recordChunk({ record, header }: Pick<RecordChunk, 'record' | 'header'>, dataset: Dataset): RecordChunk {
  let rows: EnvelopeRows | undefined
  const inflated = (): EnvelopeRows => {
    rows ??= rowsOf(decodeEnvelope(record.data), dataset)
    return rows
  }
  return {
    header,
    record,
    read: async (sink, lead, linesBefore) => inflated().read(sink, lead, linesBefore),
    placeOf: (line, offset) => inflated().placeOf(line, offset),
  }
}
