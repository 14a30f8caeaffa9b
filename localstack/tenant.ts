import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { makeApiKey } from '#core/api/api-key.ts'
import { findApiKey, putApiKey } from '#platform/dynamodb/api-keys.ts'
import { clientSettings } from './aws.ts'

export const demoTenant = 'demo'

/** A key of the tenant `demo` for all datasets: the one an earlier run made when the table knows it or can be told, else a new one. */
export async function tenantKey(endpoint: string, table: string, earlier: string | undefined): Promise<string> {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(clientSettings(endpoint)))
  const keys = { client, name: table }
  try {
    const key = earlier ?? makeApiKey()
    if (await findApiKey(keys)(key)) return key
    await putApiKey(keys)(key, { tenant: demoTenant, datasets: ['*'], name: 'local', createdAt: new Date().toISOString() })
    return key
  } finally {
    client.destroy()
  }
}
