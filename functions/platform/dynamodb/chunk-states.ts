import { BatchGetCommand, type BatchGetCommandOutput } from '@aws-sdk/lib-dynamodb'
import { deadLetterKey } from '#core/batches/dead-letter.ts'
import { RequestError } from '#core/errors.ts'
import { chunkKey } from '#core/loads/load.ts'
import type { Table } from './table.ts'

/** A chunk and its dead letter: BatchGetItem takes 100 keys. */
const batch = 50
/** Times BatchGetItem is asked again for what it left out. */
const maxBatches = 5

/** What is known of chunks, in their order: in the table, set aside, or nothing. */
export const chunkStates =
  ({ client, name }: Table) =>
  async (chunks: readonly { readonly load: string; readonly chunk: number }[]): Promise<('committed' | 'dead' | 'waiting')[]> => {
    const found = new Set<string>()
    const id = ({ pk, sk }: Record<string, unknown>) => `${pk}/${sk}`
    const unique = [...new Map(chunks.map((c) => [`${c.load}/${c.chunk}`, c])).values()]
    for (let i = 0; i < unique.length; i += batch) {
      let keys: Record<string, unknown>[] | undefined = unique
        .slice(i, i + batch)
        .flatMap(({ load, chunk }) => [chunkKey(load, chunk), deadLetterKey(load, chunk)])
      for (let round = 0; keys !== undefined && keys.length > 0; round++) {
        if (round === maxBatches) throw new RequestError('unavailable', 'The table is busy; ask again', { retryAfter: 1 })
        const { Responses, UnprocessedKeys }: BatchGetCommandOutput = await client.send(
          new BatchGetCommand({ RequestItems: { [name]: { Keys: keys, ProjectionExpression: 'pk, sk', ConsistentRead: true } } }),
        )
        for (const item of Responses?.[name] ?? []) found.add(id(item))
        keys = UnprocessedKeys?.[name]?.Keys
      }
    }
    return chunks.map(({ load, chunk }) => {
      if (found.has(id(chunkKey(load, chunk)))) return 'committed'
      return found.has(id(deadLetterKey(load, chunk))) ? 'dead' : 'waiting'
    })
  }
