import type { StreamRecord } from './ports.ts'
import type { Mapping } from './settings.ts'

/** Writes records as a function sees them. Page with-kinesis, "Example event". */
export interface EventWriter {
  /** UTF-8 bytes that a record adds to an event, with its comma. */
  size(record: StreamRecord): number
  write(records: readonly StreamRecord[]): string
}

/** Bytes of an event without records. */
export const emptyEventBytes = '{"Records":[]}'.length

export function createEventWriter(mapping: Pick<Mapping, 'streamArn'>, shardId: string, roleArn: string): EventWriter {
  const awsRegion = mapping.streamArn.split(':')[3] ?? ''
  const shown = ({ sequenceNumber, partitionKey, arrivedAt }: StreamRecord, data: string) => ({
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey,
      sequenceNumber,
      data,
      approximateArrivalTimestamp: arrivedAt / 1000, // seconds
    },
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: `${shardId}:${sequenceNumber}`,
    eventName: 'aws:kinesis:record',
    invokeIdentityArn: roleArn,
    awsRegion,
    eventSourceARN: mapping.streamArn,
  })
  const base64 = (data: Uint8Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
  return {
    size: (record) => Buffer.byteLength(JSON.stringify(shown(record, ''))) + Math.ceil(record.data.byteLength / 3) * 4 + 1,
    write: (records) => JSON.stringify({ Records: records.map((record) => shown(record, base64(record.data))) }),
  }
}
