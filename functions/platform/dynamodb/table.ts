import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'

/** The single table, and the client that speaks to it. */
export interface Table {
  readonly name: string
  readonly client: DynamoDBDocumentClient
}

export function openTable(name: string): Table {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({}), { marshallOptions: { removeUndefinedValues: true } })
  return { name, client }
}

/** Whether an item is there: past its TTL it is gone, though DynamoDB may take days to delete it. */
export const isKept = <Item extends Readonly<Record<string, unknown>>>(item: Item | undefined): item is Item =>
  item !== undefined && (item.ttl as number) * 1000 > Date.now()
