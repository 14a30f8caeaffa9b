import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { type ApiKey, hashApiKey } from '#core/api/api-key.ts'
import type { Table } from './table.ts'

const itemKey = (key: string) => ({ pk: `KEY#${hashApiKey(key)}`, sk: 'KEY' })

/** What a key stands for, or undefined when there is no such key or it is disabled. */
export const findApiKey =
  ({ client, name }: Table) =>
  async (key: string): Promise<ApiKey | undefined> => {
    const { Item } = await client.send(new GetCommand({ TableName: name, Key: itemKey(key) }))
    return Item === undefined || Item.disabled === true ? undefined : (Item as ApiKey)
  }

/** Stores a key by its hash. */
export const putApiKey =
  ({ client, name }: Table) =>
  async (key: string, meaning: ApiKey): Promise<void> => {
    await client.send(
      new PutCommand({ TableName: name, Item: { ...itemKey(key), ...meaning }, ConditionExpression: 'attribute_not_exists(pk)' }),
    )
  }
