import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { Breaker } from '#platform/postgres/breaker.ts'
import { ifConditionHolds } from './if-condition-holds.ts'
import type { Table } from './table.ts'

const Key = { pk: 'BREAKER', sk: 'postgres' } as const

/** Milliseconds between two who try a connection, whatever the number of functions: one attempt a second. */
const probeEvery = 1000

/** The state of the database, in one item of the table. */
export function databaseBreaker({ client, name: TableName }: Table): Breaker {
  return {
    async openSince() {
      const { Item } = await client.send(new GetCommand({ TableName, Key, ConsistentRead: true }))
      return Item?.openSince as string | undefined
    },
    async open() {
      await client.send(
        new UpdateCommand({
          TableName,
          Key,
          UpdateExpression: 'SET openSince = if_not_exists(openSince, :now)',
          ExpressionAttributeValues: { ':now': new Date().toISOString() },
        }),
      )
    },
    takeProbe: () =>
      ifConditionHolds(() =>
        client.send(
          new UpdateCommand({
            TableName,
            Key,
            UpdateExpression: 'SET probeUntil = :until',
            ConditionExpression: 'attribute_exists(openSince) AND (attribute_not_exists(probeUntil) OR probeUntil <= :now)',
            ExpressionAttributeValues: { ':now': Date.now(), ':until': Date.now() + probeEvery },
          }),
        ),
      ),
    async close() {
      await client.send(new UpdateCommand({ TableName, Key, UpdateExpression: 'REMOVE openSince, probeUntil' }))
    },
  }
}

/** Milliseconds after which a look that was begun and not ended is begun by another one: its connection has timed out by then. */
const longestLook = 15_000
/** Milliseconds between two looks. */
export const betweenLooks = 5000

/** What was last seen of the database; times are epoch milliseconds. */
export interface Sighting {
  /** Since when it is away, ISO 8601. */
  readonly openSince: string | undefined
  readonly lookedAt: number
  /** Somebody is looking, and has until then. */
  readonly lookingUntil: number
}

/** When somebody last looked at the database, in the same item. */
export function databaseSightings({ client, name: TableName }: Table) {
  return {
    async read(abortSignal: AbortSignal): Promise<Sighting> {
      const { Item } = await client.send(new GetCommand({ TableName, Key, ConsistentRead: true }), { abortSignal })
      const { openSince, lookedAt = 0, lookingUntil = 0 } = (Item ?? {}) as Partial<Sighting>
      return { openSince, lookedAt, lookingUntil }
    },
    takeTurn: (): Promise<boolean> =>
      ifConditionHolds(() =>
        client.send(
          new UpdateCommand({
            TableName,
            Key,
            UpdateExpression: 'SET lookingUntil = :until',
            ConditionExpression:
              '(attribute_not_exists(lookingUntil) OR lookingUntil <= :now) AND (attribute_not_exists(lookedAt) OR lookedAt <= :old)',
            ExpressionAttributeValues: { ':now': Date.now(), ':until': Date.now() + longestLook, ':old': Date.now() - betweenLooks },
          }),
        ),
      ),
    async note(): Promise<void> {
      await client.send(
        new UpdateCommand({
          TableName,
          Key,
          UpdateExpression: 'SET lookedAt = :now REMOVE lookingUntil',
          ExpressionAttributeValues: { ':now': Date.now() },
        }),
      )
    },
  }
}
