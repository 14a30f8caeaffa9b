import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeStreamSummaryCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { BatchRecord } from '#core/batches/batch-cut.ts'
import { isAwsError, isOutage } from './aws-errors.ts'

export interface RecordStream {
  readonly name: string
  readonly client: KinesisClient
}

/** Milliseconds after which a connection, or a call, is given up and made again: a call that hangs must not use up a request's time. */
const [connectionTimeout, requestTimeout] = [1000, 10_000]

/**
 * HTTP/1.1: the SDK would speak HTTP/2 to Kinesis, over which the emulators break off large calls that they have carried out. At a few calls a
 * request nothing is lost by it. One attempt each: what is sent again is decided here, record by record.
 */
export const openStream = (name: string): RecordStream => ({
  name,
  client: new KinesisClient({
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ connectionTimeout, requestTimeout, throwOnRequestTimeout: true }),
  }),
})

/** Records, and bytes with their partition keys, of one call. Kinesis takes 500 and 10 MiB, MiniStack 5 MB. */
const [mostRecords, mostBytes] = [500, 4 * 1024 * 1024]
/** Longest first wait of a round that was not taken whole, and of any, milliseconds. */
const [firstWait, longestWait] = [50, 2000]

/**
 * Sends records until the stream has acknowledged all of them, or the time is over. Records of one partition key go one after the other: the next
 * is sent only once the one before it is acknowledged, for PutRecords keeps no order among those it refuses and takes.
 * @param timeLeft milliseconds in which no new call is begun once they are used up
 * @returns the chunks that were acknowledged. One that was not may be in the stream all the same, when its answer was lost.
 */
export const sendRecords =
  ({ client, name }: RecordStream, wait: (ms: number) => Promise<unknown> = sleep) =>
  async (records: readonly BatchRecord[], timeLeft: () => number): Promise<ReadonlySet<number>> => {
    const waiting = Map.groupBy(records, ({ partitionKey }) => partitionKey)
    const acknowledged = new Set<number>()
    for (let failures = 0; waiting.size > 0 && timeLeft() > 0; ) {
      const call = firsts(waiting)
      const taken = await put(client, name, call, Math.min(requestTimeout, timeLeft()))
      for (const { chunk, partitionKey } of taken) {
        acknowledged.add(chunk)
        const queue = waiting.get(partitionKey)!
        queue.shift()
        if (queue.length === 0) waiting.delete(partitionKey)
      }
      failures = taken.length < call.length ? failures + 1 : 0
      if (failures > 0)
        await wait(Math.min(Math.random() * Math.min(longestWait, firstWait * 2 ** (failures - 1)), Math.max(0, timeLeft())))
    }
    return acknowledged
  }

/** The first record of each partition key, as many as one call takes. */
function firsts(waiting: ReadonlyMap<string, readonly BatchRecord[]>): BatchRecord[] {
  const call: BatchRecord[] = []
  let bytes = 0
  for (const [record] of waiting.values()) {
    const { data, partitionKey } = record!
    bytes += data.length + partitionKey.length
    if (call.length === mostRecords || (call.length > 0 && bytes > mostBytes)) break
    call.push(record!)
  }
  return call
}

/** @returns the records that were acknowledged: none when the call was throttled, or got no answer */
async function put(client: KinesisClient, name: string, call: readonly BatchRecord[], requestTimeout: number): Promise<BatchRecord[]> {
  try {
    const { Records = [] } = await client.send(
      new PutRecordsCommand({
        StreamName: name,
        Records: call.map(({ data, partitionKey }) => ({ Data: data, PartitionKey: partitionKey })),
      }),
      // What is kept of the time to note what was sent is not for a call that hangs.
      { requestTimeout },
    )
    return call.filter((_, i) => Records[i]?.SequenceNumber !== undefined)
  } catch (error) {
    if (isOutage(error) || isAwsError(error, 'KMSThrottlingException')) return []
    throw error
  }
}

/** One cheap question to the stream. */
export const askStream =
  ({ client, name }: RecordStream) =>
  (abortSignal: AbortSignal) =>
    client.send(new DescribeStreamSummaryCommand({ StreamName: name }), { abortSignal })
