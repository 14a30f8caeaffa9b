import { GetCommand, type GetCommandOutput, PutCommand, paginateQuery, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { type DeadLetter, deadLetterKey } from '#core/batches/dead-letter.ts'
import { chunkDigits } from '#core/loads/load.ts'
import { isAwsError } from '#platform/aws-errors.ts'
import { isKept, type Table } from './table.ts'

/** What was set aside, chunk by chunk: in the partition of its load, and by tenant in the index that lists loads, under a key of its own. */

export const tenantPk = (tenant: string): string => `DEAD#${tenant}`
const noteSk = ({ notedAt, load, chunk }: DeadLetter): string => `${notedAt}#${load}#${chunkDigits(chunk)}`

/** The dead letter in an item that is still kept. */
export function letterOf(item: GetCommandOutput['Item']): DeadLetter | undefined {
  if (!isKept(item)) return undefined
  const { pk, sk, tenantPk, createdSk, ...deadLetter } = item
  return deadLetter as DeadLetter
}

export const findLetter =
  ({ client, name }: Table) =>
  async (load: string, chunk: number): Promise<DeadLetter | undefined> => {
    const { Item } = await client.send(new GetCommand({ TableName: name, Key: deadLetterKey(load, chunk), ConsistentRead: true }))
    return letterOf(Item)
  }

/** Puts a dead letter in the place of the one that was known. @throws when that is another one by now */
export const noteLetter =
  ({ client, name }: Table) =>
  async (deadLetter: DeadLetter, known: DeadLetter | undefined): Promise<void> => {
    await client.send(
      new PutCommand({
        TableName: name,
        Item: {
          ...deadLetter,
          ...deadLetterKey(deadLetter.load, deadLetter.chunk),
          tenantPk: tenantPk(deadLetter.tenant),
          createdSk: noteSk(deadLetter),
        },
        ...(known === undefined
          ? { ConditionExpression: 'attribute_not_exists(pk)' }
          : { ConditionExpression: 'lastSequenceNumber = :last', ExpressionAttributeValues: { ':last': known.lastSequenceNumber } }),
      }),
    )
  }

/** Notes that a dead letter was sent again, unless it is another one by now. */
export const noteSentAgain =
  ({ client, name }: Table) =>
  async ({ load, chunk, lastSequenceNumber }: DeadLetter): Promise<void> => {
    try {
      await client.send(
        new UpdateCommand({
          TableName: name,
          Key: deadLetterKey(load, chunk),
          UpdateExpression: 'SET sentAgainAt = :now',
          ConditionExpression: 'lastSequenceNumber = :last',
          ExpressionAttributeValues: { ':now': new Date().toISOString(), ':last': lastSequenceNumber },
        }),
      )
    } catch (error) {
      if (!isAwsError(error, 'ConditionalCheckFailedException')) throw error
    }
  }

/** What was set aside of one load, by chunk, whatever became of it since. */
export const lettersOf = ({ client, name }: Table) =>
  async function* (load: string): AsyncGenerator<DeadLetter, void, undefined> {
    const pages = paginateQuery(
      { client, pageSize: 1000 },
      {
        TableName: name,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :dead)',
        ExpressionAttributeValues: { ':pk': deadLetterKey(load, 0).pk, ':dead': 'DEAD#' },
        ConsistentRead: true,
      },
    )
    for await (const { Items = [] } of pages) {
      for (const item of Items) {
        const deadLetter = letterOf(item)
        if (deadLetter) yield deadLetter
      }
    }
  }
