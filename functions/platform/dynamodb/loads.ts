import { GetCommand, type GetCommandOutput, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { type BatchLoad, type Load, loadKey } from '#core/loads/load.ts'
import { isLoadId } from '#core/loads/load-id.ts'
import type { LoadState } from '#core/loads/receipt.ts'
import { ifConditionHolds } from './if-condition-holds.ts'
import { getLoad } from './projection.ts'
import { isKept, type Table } from './table.ts'

/** The load items of the table: opened here, moved from state to state by conditional updates, counted by the projection. */

/** Keys of the index `byTenant`: a tenant's loads in the order they were opened. */
export const tenantPk = (tenant: string): string => `TENANT#${tenant}`
const createdSk = (load: Pick<Load, 'createdAt' | 'id'>): string => `${load.createdAt}#${load.id}`

/** The load in an item that is still kept. */
export function loadOf(item: GetCommandOutput['Item']): Load | undefined {
  if (!isKept(item)) return undefined
  const { pk, sk, tenantPk, createdSk, ...load } = item
  return load as Load
}

async function readLoad({ client, name }: Table, id: string): Promise<Load | undefined> {
  const { Item } = await client.send(new GetCommand({ TableName: name, Key: loadKey(id), ConsistentRead: true }))
  return loadOf(Item)
}

/** A load by its id, for its own tenant; to any other tenant it does not exist. */
export const findLoad =
  (table: Table) =>
  async (tenant: string, id: string): Promise<Load | undefined> => {
    // What is no id has no load; DynamoDB would answer a key of more than 2 KiB with an error.
    if (!isLoadId(id)) return undefined
    const load = await readLoad(table, id)
    return load?.tenant === tenant ? load : undefined
  }

/** Writes a new load. @returns the load that already has the id, when another writer was first */
export const insertLoad =
  (table: Table) =>
  async (load: Load): Promise<Load | undefined> => {
    const written = await ifConditionHolds(() =>
      table.client.send(
        new PutCommand({
          TableName: table.name,
          Item: { ...load, ...loadKey(load.id), tenantPk: tenantPk(load.tenant), createdSk: createdSk(load) },
          ConditionExpression: 'attribute_not_exists(pk) OR #ttl <= :now',
          ExpressionAttributeNames: { '#ttl': 'ttl' },
          ExpressionAttributeValues: { ':now': Math.floor(Date.now() / 1000) },
        }),
      ),
    )
    return written ? undefined : readLoad(table, load.id)
  }

/**
 * Notes the CRC32 of the whole object just before S3 is asked to join the parts: from then on a completion may be under way.
 * @returns the load's state when it is no longer receiving, else undefined
 */
export const noteUploadedCrc32 = (table: Table) => (id: string, crc32: string) =>
  move(table, id, { from: 'receiving', set: { uploadedCrc32: crc32 } })

/** receiving → loading. @returns the state that was there when another one was: plan-load may have been faster */
export const startLoading = (table: Table) => (id: string) => move(table, id, { from: 'receiving', set: { state: 'loading' } })

/** receiving → aborted. @returns the state that was there when another one was */
export const markAborted = (table: Table) => (id: string) => move(table, id, { from: 'receiving', set: { state: 'aborted' } })

/** failed → loading, for a replay. @returns the state that was there when another one was */
export const reopenFailed = (table: Table) => (id: string) =>
  move(table, id, { from: 'failed', set: { state: 'loading' }, remove: ['problem', 'committedAt', 'loadedCrc32'] })

/** How long a batch may be gone on with whose request was not done, milliseconds. */
const day = 86_400_000

/**
 * failed → loading, for a replay of a batch; or receiving, when it may be that the request which sends its records is not done: it may then go on,
 * and the window in which it may begins anew. The consumer ends a load in either state.
 * @param allSent true when all of its chunks are known to have been in the stream
 * @returns the state that was there when another one was
 */
export const reopenBatch =
  (table: Table) =>
  ({ id, lock, sent }: BatchLoad, allSent: boolean) => {
    const done = allSent || (lock === undefined && sent === undefined)
    return move(table, id, {
      from: 'failed',
      set: done ? { state: 'loading' } : { state: 'receiving', expiresAt: new Date(Date.now() + day).toISOString() },
      remove: ['problem', 'committedAt', 'loadedCrc32'],
    })
  }

interface Move {
  readonly from: LoadState
  readonly set: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

async function move(table: Table, id: string, { from, set, remove = [] }: Move): Promise<LoadState | undefined> {
  const names = Object.keys(set)
  const removes = remove.length > 0 ? ` REMOVE ${remove.map((n) => `#${n}`).join(', ')}` : ''
  const moved = await ifConditionHolds(() =>
    table.client.send(
      new UpdateCommand({
        TableName: table.name,
        Key: loadKey(id),
        UpdateExpression: `SET ${names.map((n) => `#${n} = :${n}`).join(', ')}${removes}`,
        ConditionExpression: '#state = :from',
        ExpressionAttributeNames: Object.fromEntries(['state', ...names, ...remove].map((n) => [`#${n}`, n])),
        ExpressionAttributeValues: { ...Object.fromEntries(names.map((n) => [`:${n}`, set[n]])), ':from': from },
      }),
    ),
  )
  return moved ? undefined : (await getLoad(table, id))?.state
}

/** Loads that are noted as corrections of one load. */
const mostFixes = 100

/** Notes that one load corrects another. Once each; beyond the most that are noted, only the newer load knows. */
export const noteFix =
  (table: Table) =>
  async (id: string, by: string): Promise<void> => {
    await ifConditionHolds(() =>
      table.client.send(
        new UpdateCommand({
          TableName: table.name,
          Key: loadKey(id),
          UpdateExpression: 'SET fixedBy = list_append(if_not_exists(fixedBy, :none), :list)',
          ConditionExpression:
            'attribute_exists(pk) AND (attribute_not_exists(fixedBy) OR (NOT contains(fixedBy, :by) AND size(fixedBy) < :most))',
          ExpressionAttributeValues: { ':none': [], ':list': [by], ':by': by, ':most': mostFixes },
        }),
      ),
    )
  }
