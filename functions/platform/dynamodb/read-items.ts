import { BatchGetCommand, type BatchGetCommandOutput } from '@aws-sdk/lib-dynamodb'
import { RequestError } from '#core/errors.ts'
import type { Table } from './table.ts'

export interface ItemKey {
  readonly pk: string
  readonly sk: string
}
type Item = Readonly<Record<string, unknown>>

/** Times BatchGetItem is asked again for what it left out. */
const maxRounds = 5

/**
 * The items with these keys, as they are now; BatchGetItem takes 100.
 * @throws RequestError unavailable
 */
export async function readItems({ client, name }: Table, wanted: readonly ItemKey[]): Promise<(key: ItemKey) => Item | undefined> {
  const found = new Map<string, Item>()
  const id = ({ pk, sk }: Item | ItemKey): string => `${pk}/${sk}`
  let keys: Record<string, unknown>[] | undefined = wanted.map(({ pk, sk }) => ({ pk, sk }))
  for (let round = 0; keys !== undefined && keys.length > 0; round++) {
    if (round === maxRounds) throw new RequestError('unavailable', 'The table is busy; ask again', { retryAfter: 1 })
    const { Responses, UnprocessedKeys }: BatchGetCommandOutput = await client.send(
      new BatchGetCommand({ RequestItems: { [name]: { Keys: keys, ConsistentRead: true } } }),
    )
    for (const item of Responses?.[name] ?? []) found.set(id(item), item)
    keys = UnprocessedKeys?.[name]?.Keys
  }
  return (key) => found.get(id(key))
}
