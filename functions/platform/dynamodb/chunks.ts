import { GetCommand, paginateQuery } from '@aws-sdk/lib-dynamodb'
import { type ChunkResult, chunkKey, loadKey } from '#core/loads/load.ts'
import { isKept, type Table } from './table.ts'

/** What is shown of committed chunks. An item past its TTL was an earlier load's, whose key has been used again since. */

/** A load's committed chunks and their parts in order, from number `from` on, read page by page as they are asked for. */
export const chunksOf = ({ client, name }: Table) =>
  async function* (id: string, from: number): AsyncGenerator<ChunkResult, void, undefined> {
    const pages = paginateQuery(
      { client, pageSize: 1000 },
      {
        TableName: name,
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        FilterExpression: '#ttl > :now',
        ExpressionAttributeNames: { '#ttl': 'ttl' },
        ExpressionAttributeValues: {
          ':pk': loadKey(id).pk,
          ':from': chunkKey(id, from).sk,
          // Behind every digit, and so behind every part of every chunk.
          ':to': 'CHUNK#:',
          ':now': Math.floor(Date.now() / 1000),
        },
        ConsistentRead: true,
      },
    )
    for await (const { Items = [] } of pages) for (const item of Items) yield item as ChunkResult
  }

/** Whether a chunk is shown in its load. */
export const isCommitted =
  ({ client, name }: Table) =>
  async (load: string, chunk: number): Promise<boolean> => {
    const { Item } = await client.send(new GetCommand({ TableName: name, Key: chunkKey(load, chunk), ConsistentRead: true }))
    return isKept(Item)
  }
