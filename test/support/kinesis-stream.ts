import { randomBytes } from 'node:crypto'
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis'

/** A stream of a test's own on the emulator; when it is over it is deleted, and the client with it. */
export interface KinesisStream extends AsyncDisposable {
  readonly name: string
  readonly arn: string
  /** Until a split or merge is done. */
  readonly whenActive: () => Promise<void>
  /** @returns each record's shard and sequence number, in their order. */
  put(records: readonly { key: string; data: string }[]): Promise<readonly { shard: string; sequenceNumber: string }[]>
}

export async function createKinesisStream(client: KinesisClient, shards: number): Promise<KinesisStream> {
  const name = `test-${randomBytes(6).toString('hex')}`
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
  async function whenActive(): Promise<string> {
    for (;;) {
      const { StreamDescriptionSummary: summary } = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }))
      if (summary?.StreamStatus === 'ACTIVE') return summary.StreamARN ?? ''
      await new Promise((done) => setTimeout(done, 100))
    }
  }
  return {
    name,
    arn: await whenActive(),
    whenActive: async () => void (await whenActive()),
    async put(records) {
      const placed: { shard: string; sequenceNumber: string }[] = []
      for (let i = 0; i < records.length; i += 500) {
        const Records = records.slice(i, i + 500).map(({ key, data }) => ({ PartitionKey: key, Data: Buffer.from(data) }))
        const answer = await client.send(new PutRecordsCommand({ StreamName: name, Records }))
        if (answer.FailedRecordCount) throw new Error(`${answer.FailedRecordCount} records were not taken`)
        for (const { ShardId, SequenceNumber } of answer.Records ?? []) placed.push({ shard: ShardId!, sequenceNumber: SequenceNumber! })
      }
      return placed
    },
    [Symbol.asyncDispose]: async () => {
      await client.send(new DeleteStreamCommand({ StreamName: name, EnforceConsumerDeletion: true }))
      client.destroy()
    },
  }
}

/** @returns its sequence number */
export async function putRecord(client: KinesisClient, stream: string, partitionKey: string, data: Uint8Array): Promise<string> {
  const { SequenceNumber } = await client.send(new PutRecordCommand({ StreamName: stream, PartitionKey: partitionKey, Data: data }))
  return SequenceNumber ?? ''
}

/** All that a stream holds now. */
export async function recordsOf(client: KinesisClient, stream: string): Promise<{ partitionKey: string; data: Buffer }[]> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }))
  const all: { partitionKey: string; data: Buffer }[] = []
  for (const { ShardId } of Shards) {
    let { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    )
    for (let behind = 1; behind > 0; ) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator }))
      for (const { PartitionKey, Data } of page.Records ?? []) all.push({ partitionKey: PartitionKey!, data: Buffer.from(Data!) })
      behind = page.MillisBehindLatest ?? 0
      ShardIterator = page.NextShardIterator
    }
  }
  return all
}
