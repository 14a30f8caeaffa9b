import { setTimeout as sleep } from 'node:timers/promises'
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { TransactWriteCommand, type UpdateCommandInput } from '@aws-sdk/lib-dynamodb'
import { loadKey } from '#core/loads/load.ts'
import { log } from '#platform/log.ts'
import type { Table } from './table.ts'

/** Conflicts with other chunks of the same load that are tried again, and the longest first wait in milliseconds. */
const conflictTries = 12
const conflictWait = 20

type Addition = Required<Pick<UpdateCommandInput, 'UpdateExpression' | 'ExpressionAttributeValues'>> &
  Pick<UpdateCommandInput, 'ExpressionAttributeNames' | 'ConditionExpression'>

/**
 * Puts an item of a load and adds to the load's sums, in one transaction; when the item is there already, neither happens. Nor does either when the load
 * is gone, past its TTL or by hand: an update would make a ghost of it, with sums and nothing else. One past its TTL is gone,
 * though DynamoDB may take days to delete it: it was an earlier load's, whose key has been used again since.
 * @param additionNow asked at every try: where what it demands of the load does not hold any more, that is a conflict
 */
export async function addOnce(
  { client, name }: Table,
  id: string,
  item: { readonly pk: string; readonly sk: string; readonly [attribute: string]: unknown },
  additionNow: () => Promise<Addition>,
): Promise<void> {
  const put = {
    TableName: name,
    Item: item,
    ConditionExpression: 'attribute_not_exists(pk) OR #ttl <= :now',
    ExpressionAttributeNames: { '#ttl': 'ttl' },
    ExpressionAttributeValues: { ':now': Math.floor(Date.now() / 1000) },
  }
  for (let n = 1; ; n++) {
    const { ConditionExpression: demand, ...addition } = await additionNow()
    const condition = `attribute_exists(pk)${demand === undefined ? '' : ` AND ${demand}`}`
    const update = { TableName: name, Key: loadKey(id), ConditionExpression: condition, ...addition }
    try {
      await client.send(new TransactWriteCommand({ TransactItems: [{ Put: put }, { Update: update }] }))
      return
    } catch (error) {
      const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : []
      if (reasons[0]?.Code === 'ConditionalCheckFailed') return
      const isRefused = reasons[1]?.Code === 'ConditionalCheckFailed'
      if (isRefused && demand === undefined) {
        log.warn('the load is gone: what was committed of it is in the ledger, and is shown nowhere', { load: id })
        return
      }
      if (n >= conflictTries || !(isRefused || reasons.some((r) => r.Code === 'TransactionConflict'))) throw error
      await sleep(Math.random() * conflictWait * 2 ** Math.min(n, 6))
    }
  }
}
