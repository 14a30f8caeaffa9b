import { crc32 } from 'node:zlib'
import type { StoredLetters } from '#core/batches/dead-letter.ts'
import { type EnvelopeHeader, encodeEnvelope } from '#core/batches/envelope.ts'
import { createEventWriter } from '../../localstack/event-source/event.ts'
import { failureKey, failureMetadata, withPayload } from '../../localstack/event-source/failure-record.ts'
import type { StreamRecord } from '../../localstack/event-source/ports.ts'
import { exampleLoad } from './example-load.ts'

/** A chunk of a batch as it is in the stream. */
export function exampleEnvelope(header: Partial<EnvelopeHeader> = {}, text = Buffer.from('{"id":1}\n')): Buffer {
  const { id, tenant, dataset, traceparent, createdAt, ttl } = exampleLoad()
  const chunk = { chunk: 0, last: false, format: 'ndjson', rows: 1, start: 0, size: text.length, crc32: crc32(text) } as const
  return encodeEnvelope({ header: { load: id, tenant, dataset, traceparent, createdAt, ttl, ...chunk, ...header }, text, places: [] })
}

export const recordOf = (
  data: Buffer,
  sequenceNumber: string,
  partitionKey = 'flights/3',
  arrivedAt = 1_767_323_000_000,
): StreamRecord => ({
  sequenceNumber,
  partitionKey,
  arrivedAt,
  data,
})

/** What Lambda leaves of a batch that it gave up. */
export function givenUp(records: readonly StreamRecord[], name = '1'): StoredLetters {
  const arn = 'arn:aws:kinesis:us-east-1:000000000000:stream/batches'
  const mapping = { streamArn: arn, functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:load-records' }
  const piece = { invocations: 3, last: undefined } as Parameters<typeof failureMetadata>[2]['piece']
  const batch = { condition: 'RetryAttemptsExhausted', piece, records, requestId: 'r' } as const
  const metadata = failureMetadata(mapping, 'shardId-000000000000', batch, 1_767_323_100_000)
  const payload = createEventWriter(mapping, 'shardId-000000000000', 'arn:aws:iam::000000000000:role/r').write(records)
  return {
    key: failureKey('uuid', 'shardId-000000000000', 1_767_323_100_000, name),
    body: Buffer.from(withPayload(metadata, payload)),
    metadata: {},
  }
}

/** What load-records leaves of a record that it cannot load. */
export const setAside = (record: StreamRecord, reason = 'envelope-unreadable'): StoredLetters => ({
  key: `envelopes/acme/flights/${exampleLoad().id}/0000000-${record.sequenceNumber}`,
  body: Buffer.from(record.data),
  metadata: {
    reason,
    'partition-key': record.partitionKey,
    'sequence-number': record.sequenceNumber,
    'arrived-at': new Date(record.arrivedAt).toISOString(),
  },
})
