import { DeleteCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { Mark } from '#core/records/parking.ts'
import type { Trouble } from '#core/records/trouble.ts'
import { ifConditionHolds } from './if-condition-holds.ts'
import type { Table } from './table.ts'

/** A drainer that was sent for is on its way for so long, milliseconds. */
const onItsWay = 120_000

/** The mark of a dataset whose records are parked (pk `PARKED#<dataset>`, sk `MARK`), and who drains it. */
export function parkingMarks({ client, name }: Table) {
  const keyOf = (dataset: string) => ({ pk: `PARKED#${dataset}`, sk: 'MARK' })
  const update = (dataset: string, UpdateExpression: string, condition: string, values: Record<string, unknown>) =>
    ifConditionHolds(() =>
      client.send(
        new UpdateCommand({
          TableName: name,
          Key: keyOf(dataset),
          UpdateExpression,
          ConditionExpression: `attribute_exists(pk)${condition}`,
          ExpressionAttributeValues: values,
        }),
      ),
    )
  const find = async (dataset: string): Promise<Mark | undefined> => {
    const { Item } = await client.send(new GetCommand({ TableName: name, Key: keyOf(dataset), ConsistentRead: true }))
    return Item as Mark | undefined
  }
  const noteWoken = async (dataset: string): Promise<void> => void (await update(dataset, 'SET wokenAt = :now', '', { ':now': Date.now() }))
  return {
    find,
    async open(dataset: string, { code, detail }: Trouble): Promise<Mark> {
      const mark: Mark = { dataset, code, detail, since: new Date().toISOString(), parked: 0, wokenAt: 0 }
      const put = new PutCommand({ TableName: name, Item: { ...keyOf(dataset), ...mark }, ConditionExpression: 'attribute_not_exists(pk)' })
      await ifConditionHolds(() => client.send(put))
      return (await find(dataset)) ?? mark
    },
    count: (dataset: string): Promise<boolean> => update(dataset, 'ADD parked :one', '', { ':one': 1 }),
    noteWoken,
    wakes: (send: (message: { dataset: string; failures: number }, delay: number) => Promise<void>) =>
      async function wake({ dataset, wokenAt }: Mark): Promise<void> {
        if (Date.now() - wokenAt < onItsWay) return
        // Sent before it is noted: cut off between the two, it is sent twice, never not at all.
        await send({ dataset, failures: 0 }, 2)
        await noteWoken(dataset)
      },
    lease: (dataset: string, milliseconds: number): Promise<boolean> =>
      update(dataset, 'SET leaseUntil = :until', ' AND (attribute_not_exists(leaseUntil) OR leaseUntil < :now)', {
        ':until': Date.now() + milliseconds,
        ':now': Date.now(),
      }),
    renew: async (dataset: string, milliseconds: number): Promise<void> =>
      void (await update(dataset, 'SET leaseUntil = :until, wokenAt = :now', '', {
        ':until': Date.now() + milliseconds,
        ':now': Date.now(),
      })),
    release: async (dataset: string): Promise<void> => void (await update(dataset, 'SET leaseUntil = :zero', '', { ':zero': 0 })),
    close: ({ dataset, since, parked }: Mark): Promise<boolean> =>
      ifConditionHolds(() =>
        client.send(
          new DeleteCommand({
            TableName: name,
            Key: keyOf(dataset),
            ConditionExpression: 'attribute_not_exists(pk) OR (since = :since AND parked = :parked)',
            ExpressionAttributeValues: { ':since': since, ':parked': parked },
          }),
        ),
      ),
  }
}
