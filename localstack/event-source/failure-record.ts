import type { Condition, Piece } from './delivery.ts'
import type { StreamRecord } from './ports.ts'
import type { Mapping } from './settings.ts'

/**
 * The document for an on-failure destination. Page kinesis-on-failure-destination, "Example Amazon SNS and Amazon SQS invocation record".
 * Undocumented: the condition of records that are too old (the page shows only RetryAttemptsExhausted; RecordAgeExceeded is what LocalStack sends), and
 * what stands in responseContext when the function was never reached (it is left out here).
 */
export function failureMetadata(
  mapping: Pick<Mapping, 'functionArn' | 'streamArn'>,
  shardId: string,
  batch: { readonly condition: Condition; readonly piece: Piece; readonly records: readonly StreamRecord[]; readonly requestId: string },
  now: number,
): object {
  const { condition, piece, records, requestId } = batch
  const [first, last] = [records[0], records.at(-1)]
  const time = (milliseconds: number | undefined) => (milliseconds === undefined ? undefined : new Date(milliseconds).toISOString())
  return {
    requestContext: {
      requestId: piece.last?.requestId ?? requestId,
      functionArn: mapping.functionArn,
      condition,
      approximateInvokeCount: piece.invocations,
    },
    // A function that answered, but reported failures, has no functionError.
    ...(piece.last && {
      responseContext: {
        statusCode: 200,
        executedVersion: '$LATEST',
        ...(piece.last.kind === 'failed' ? { functionError: 'Unhandled' } : {}),
      },
    }),
    version: '1.0',
    timestamp: time(now),
    KinesisBatchInfo: {
      shardId,
      startSequenceNumber: first?.sequenceNumber,
      endSequenceNumber: last?.sequenceNumber,
      approximateArrivalOfFirstRecord: time(first?.arrivedAt),
      approximateArrivalOfLastRecord: time(last?.arrivedAt),
      batchSize: records.length,
      streamArn: mapping.streamArn,
    },
  }
}

/** Same page: in a bucket the document has, besides, "the original invocation record as an escaped JSON string". */
export const withPayload = (metadata: object, payload: string): string => JSON.stringify({ ...metadata, payload })

/** Same page: `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`. */
export function failureKey(mapping: string, shardId: string, now: number, random: string): string {
  const moment = new Date(now).toISOString().slice(0, 19)
  const [day = ''] = moment.split('T')
  return `aws/lambda/${mapping}/${shardId}/${day.replaceAll('-', '/')}/${moment.replaceAll(':', '.')}-${random}`
}
