import { paginateQuery } from '@aws-sdk/lib-dynamodb'
import { edgesKey, type Load, loadKey } from '#core/loads/load.ts'
import type { Edge } from '#core/reading/csv-edges.ts'
import { addOnce } from './add-once.ts'
import { getLoad } from './projection.ts'
import type { Table } from './table.ts'

/** Notes where the rows of a chunk may begin. @returns true when that is known of every chunk of the load */
export async function noteEdges(
  table: Table,
  { id, ttl }: Pick<Load, 'id' | 'ttl'>,
  chunk: number,
  edges: readonly Edge[],
): Promise<boolean> {
  const addition = { UpdateExpression: 'ADD edged :one', ExpressionAttributeValues: { ':one': 1 } }
  await addOnce(table, id, { ...edgesKey(id, chunk), edges, ttl }, async () => addition)
  const now = await getLoad(table, id)
  return now?.door === 'file' && now.planned !== undefined && (now.edged ?? 0) >= now.planned
}

/** What was noted, chunk by chunk. */
export async function notedEdges({ client, name }: Table, id: string): Promise<Edge[][]> {
  const pages = paginateQuery(
    { client, pageSize: 1000 },
    {
      TableName: name,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :edges)',
      ExpressionAttributeValues: { ':pk': loadKey(id).pk, ':edges': 'EDGES#' },
      ConsistentRead: true,
    },
  )
  const noted: Edge[][] = []
  for await (const page of pages) for (const item of page.Items ?? []) noted.push(item.edges as Edge[])
  return noted
}
