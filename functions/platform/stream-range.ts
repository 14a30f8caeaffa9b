import { setTimeout as sleep } from 'node:timers/promises'
import {
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis'
import type { StreamRange, StreamRangeStep } from '#core/batches/stream-range.ts'
import { isOutage } from './aws-errors.ts'
import type { RecordStream } from './stream.ts'

/** Kinesis takes five reads a second and shard, and the consumer needs its own: two are left for it at the least. Milliseconds. */
const betweenReads = 350
/** Records of one read: 10 MiB of the largest at most, five seconds' worth of a shard. */
const mostRecords = 200
/** Arrival times are approximate, and not strictly in order: so far behind the end a record may still belong to the range. Milliseconds. */
const slack = 5000

/** The records of a range of time, shard by shard (parents come before their children), from a position on; steps without a record say how far it came. */
export const readStreamRange = ({ client, name }: RecordStream) =>
  async function* ({ from, to, after }: StreamRange): AsyncGenerator<StreamRangeStep, void, undefined> {
    for (const shard of await shardsOf({ client, name })) {
      if (after && (shard < after.shard || (shard === after.shard && after.done))) continue
      const sequenceNumber = shard === after?.shard ? after.sequenceNumber : null
      yield* readShard({ client, name }, shard, sequenceNumber, from, to)
      yield { position: { shard, sequenceNumber: null, done: true } }
    }
  }

async function* readShard(
  { client, name }: RecordStream,
  shard: string,
  start: string | null,
  from: number,
  to: number,
): AsyncGenerator<StreamRangeStep> {
  const begin: Pick<GetShardIteratorCommandInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'> =
    start === null
      ? { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(from) }
      : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: start }
  let iterator = (await client.send(new GetShardIteratorCommand({ StreamName: name, ShardId: shard, ...begin }))).ShardIterator
  let position = { shard, sequenceNumber: start, done: false }
  while (iterator) {
    const page = await readPage({ client, name }, iterator)
    for (const { SequenceNumber = '', PartitionKey = '', Data, ApproximateArrivalTimestamp } of page?.Records ?? []) {
      const arrived = ApproximateArrivalTimestamp?.getTime() ?? 0
      if (arrived > to + slack) return
      position = { shard, sequenceNumber: SequenceNumber, done: false }
      if (arrived < from || arrived >= to) yield { position }
      else {
        const place = { sequenceNumber: SequenceNumber, partitionKey: PartitionKey, arrivedAt: new Date(arrived).toISOString() }
        yield { position, record: { ...place, data: Buffer.from(Data ?? []) } }
      }
    }
    yield { position }
    // The range is over and done: what is there now is all of it.
    if (page && (page.MillisBehindLatest ?? 0) === 0) return
    iterator = page ? page.NextShardIterator : iterator
    await sleep(betweenReads)
  }
}

/** Undefined when the shard was too busy. */
async function readPage({ client }: RecordStream, ShardIterator: string): Promise<GetRecordsCommandOutput | undefined> {
  try {
    return await client.send(new GetRecordsCommand({ ShardIterator, Limit: mostRecords }))
  } catch (error) {
    if (isOutage(error)) return undefined
    throw error
  }
}

async function shardsOf({ client, name }: RecordStream): Promise<string[]> {
  const shards: string[] = []
  let token: string | undefined
  do {
    const page = await client.send(new ListShardsCommand(token === undefined ? { StreamName: name } : { NextToken: token }))
    shards.push(...(page.Shards ?? []).map(({ ShardId = '' }) => ShardId))
    token = page.NextToken
  } while (token)
  return shards.sort()
}
