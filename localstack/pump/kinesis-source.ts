import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  KinesisClient,
  ListShardsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { clientSettings } from '../aws.ts'
import type { Page, Position, Shard, ShardReader, Source } from '../event-source/ports.ts'

/** HTTP/1.1: over the SDK's HTTP/2 large answers and requests fail on MiniStack. */
export const kinesisClient = (endpoint: string): KinesisClient =>
  new KinesisClient({ ...clientSettings(endpoint), requestHandler: new NodeHttpHandler() })

/** What tells one stream from another of the same name that was there before, and how long it keeps records. */
export async function describeStream(client: KinesisClient, streamArn: string): Promise<{ created: string; retentionMs: number }> {
  const { StreamDescriptionSummary: summary } = await client.send(new DescribeStreamSummaryCommand({ StreamARN: streamArn }))
  return {
    created: summary?.StreamCreationTimestamp?.toISOString() ?? '',
    retentionMs: (summary?.RetentionPeriodHours ?? 24) * 3_600_000,
  }
}

export function createKinesisSource(client: KinesisClient, streamArn: string): Source {
  let parents: ReadonlySet<string> = new Set()

  async function listShards(): Promise<readonly Shard[]> {
    const shards: Shard[] = []
    for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
      const page = await client.send(new ListShardsCommand(token === undefined ? { StreamARN: streamArn } : { NextToken: token }))
      for (const { ShardId, ParentShardId, AdjacentParentShardId, SequenceNumberRange } of page.Shards ?? [])
        shards.push({
          id: ShardId ?? '',
          parents: [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined),
          closed: SequenceNumberRange?.EndingSequenceNumber !== undefined,
        })
      token = page.NextToken
    }
    parents = new Set(shards.flatMap((shard) => shard.parents))
    // Not every emulator shows the end of a shard that was split or merged; that it has children says the same.
    return shards.map((shard) => ({ ...shard, closed: shard.closed || parents.has(shard.id) }))
  }

  return {
    listShards,
    open(shardId, position) {
      const reader = createReader(client, { StreamARN: streamArn, ShardId: shardId }, position, () => parents.has(shardId))
      return {
        async read() {
          try {
            return await reader.read()
          } catch (error) {
            // A shard leaves its stream when its records have expired. On MiniStack it does when it is split or merged, and its records go to
            // its children, which are read from their beginning.
            if (!(error instanceof ResourceNotFoundException) || (await listShards()).some(({ id }) => id === shardId)) throw error
            return { records: [], behind: false, ended: true }
          }
        },
      }
    },
  }
}

function createReader(
  client: KinesisClient,
  shard: { readonly StreamARN: string; readonly ShardId: string },
  begin: Position,
  hasChildren: () => boolean,
): ShardReader {
  let iterator: string | undefined
  return {
    async read(): Promise<Page> {
      // An iterator lives five minutes. When it has expired the read fails, and the shard is opened again after its last record.
      iterator ??= (await client.send(new GetShardIteratorCommand({ ...shard, ...iteratorAt(begin) }))).ShardIterator
      const closed = hasChildren() // asked before reading: what is then not there will never be
      const page = await client.send(new GetRecordsCommand({ StreamARN: shard.StreamARN, ShardIterator: iterator }))
      const records = (page.Records ?? []).map(({ SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp }) => ({
        sequenceNumber: SequenceNumber ?? '',
        partitionKey: PartitionKey ?? '',
        data: Data ?? new Uint8Array(),
        arrivedAt: ApproximateArrivalTimestamp?.getTime() ?? 0,
      }))
      iterator = page.NextShardIterator
      const behind = (page.MillisBehindLatest ?? 0) > 0
      const ended = iterator === undefined || (closed && records.length === 0 && !behind)
      return { records, behind, ended }
    },
  }
}

function iteratorAt(position: Position): Pick<GetShardIteratorCommandInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'> {
  switch (position.from) {
    case 'trim-horizon':
      return { ShardIteratorType: 'TRIM_HORIZON' }
    case 'timestamp':
      return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(position.at) }
    case 'after':
      return { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: position.sequenceNumber }
  }
}
