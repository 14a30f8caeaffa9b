import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { type BatchLoad, loadKey } from '#core/loads/load.ts'
import { isAwsError } from '#platform/aws-errors.ts'
import type { Table } from './table.ts'

/** What happens to a batch's item while its records are sent. Each step holds only for whoever has the lock. */

/** The right to send a batch, and until when nobody else may take it. */
export interface BatchLock {
  readonly lock: string
  /** Epoch milliseconds. */
  readonly lockedUntil: number
}

/** Takes over a batch whose lock is over. @returns the batch, or undefined when another request was faster or it needs no sending any more */
export const takeBatch =
  (table: Table) =>
  ({ id, lock: old }: BatchLoad, { lock, lockedUntil }: BatchLock, expiresAt: string): Promise<BatchLoad | undefined> =>
    update(table, id, {
      UpdateExpression: 'SET #lock = :lock, lockedUntil = :until, expiresAt = :expires',
      ConditionExpression: `#state = :receiving AND ${old === undefined ? 'attribute_not_exists(#lock)' : '#lock = :old'}`,
      ExpressionAttributeValues: {
        ':lock': lock,
        ':until': lockedUntil,
        ':expires': expiresAt,
        ':receiving': 'receiving',
        ...(old !== undefined && { ':old': old }),
      },
    })

/** Gives the lock back, with the chunks that the stream has acknowledged so far. */
export const releaseBatch =
  (table: Table) =>
  async ({ id }: BatchLoad, lock: string, sent: readonly number[]): Promise<void> => {
    await update(table, id, {
      UpdateExpression: 'SET sent = :sent REMOVE #lock, lockedUntil',
      ConditionExpression: '#state = :receiving AND #lock = :lock',
      ExpressionAttributeValues: { ':sent': sent, ':lock': lock, ':receiving': 'receiving' },
    })
  }

/** receiving → loading: every record is acknowledged. @returns the batch, or undefined when it is over already or another request has taken it over */
export const acceptBatch =
  (table: Table) =>
  ({ id }: BatchLoad, lock: string, startedAt: string): Promise<BatchLoad | undefined> =>
    update(table, id, {
      UpdateExpression: 'SET #state = :loading, startedAt = :now REMOVE #lock, lockedUntil, sent',
      ConditionExpression: '#state = :receiving AND #lock = :lock',
      ExpressionAttributeValues: { ':loading': 'loading', ':now': startedAt, ':lock': lock, ':receiving': 'receiving' },
    })

interface Update {
  readonly UpdateExpression: string
  readonly ConditionExpression: string
  readonly ExpressionAttributeValues: Record<string, unknown>
}

async function update({ client, name }: Table, id: string, change: Update): Promise<BatchLoad | undefined> {
  try {
    const { Attributes } = await client.send(
      new UpdateCommand({
        TableName: name,
        Key: loadKey(id),
        ExpressionAttributeNames: { '#state': 'state', '#lock': 'lock' },
        ReturnValues: 'ALL_NEW',
        ...change,
      }),
    )
    return Attributes as BatchLoad
  } catch (error) {
    if (isAwsError(error, 'ConditionalCheckFailedException')) return undefined
    throw error
  }
}
