import type { Context, KinesisStreamEvent, KinesisStreamHandler } from 'aws-lambda'
import type { StreamRecord } from '#core/stream-record.ts'

/** @returns the earliest record that must come again */
export type HandleRecords = (records: readonly StreamRecord[], timeLeft: () => number) => Promise<StreamRecord | undefined>

/**
 * The boundary of a function behind a stream. One sequence number says it all: Lambda goes on from the lowest that is reported, and delivers it and
 * all behind it again (https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html). What is thrown is a bug; Lambda then
 * cuts the batch in two and tries again.
 */
export function streamHandler(handle: HandleRecords): KinesisStreamHandler {
  return async ({ Records }: KinesisStreamEvent, context: Context) => {
    const records = Records.map(({ eventID, kinesis }) => ({
      sequenceNumber: kinesis.sequenceNumber,
      partitionKey: kinesis.partitionKey,
      // `shardId-000000000000:<sequence number>`
      shard: eventID.slice(0, eventID.indexOf(':')),
      arrivedAt: new Date(kinesis.approximateArrivalTimestamp * 1000).toISOString(),
      data: Buffer.from(kinesis.data, 'base64'),
    }))
    const again = await handle(records, () => context.getRemainingTimeInMillis())
    return { batchItemFailures: again ? [{ itemIdentifier: again.sequenceNumber }] : [] }
  }
}
