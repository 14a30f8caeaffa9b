import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { LoadError } from '#core/errors.ts'
import type { ChunkPlan } from '#core/loads/chunk.ts'
import { type Ending, endingOf } from '#core/loads/ending.ts'
import { type ChunkResult, chunkKey, type Load, loadKey } from '#core/loads/load.ts'
import type { Waiting } from '#core/loads/waiting.ts'
import { attributeOf } from '#core/rejects/reject-sums.ts'
import type { Encoding } from '#core/rows/encoding.ts'
import { addIgnored } from '#core/rows/ignored.ts'
import { isAwsError } from '#platform/aws-errors.ts'
import { addOnce } from './add-once.ts'
import { chunksOf } from './chunks.ts'
import { ifConditionHolds } from './if-condition-holds.ts'
import type { Table } from './table.ts'

/**
 * What the database committed, shown in DynamoDB. Everything here can run twice and changes nothing the second time:
 * the ledger is the truth, and this only follows it.
 */

/** The load's item as it is now (a consistent read), also past its TTL. */
export async function getLoad({ client, name }: Table, id: string): Promise<Load | undefined> {
  const { Item } = await client.send(new GetCommand({ TableName: name, Key: loadKey(id), ConsistentRead: true }))
  return Item as Load | undefined
}

/** Fixes the plan and the encoding, and opens the load. The first plan stands: later calls get it back. */
export async function startLoad({ client, name }: Table, id: string, plan: ChunkPlan & Encoding, now: Date): Promise<Load | undefined> {
  try {
    const { Attributes } = await client.send(
      new UpdateCommand({
        TableName: name,
        Key: loadKey(id),
        UpdateExpression: `SET #state = :loading, #format = :format, #compression = :compression, chunkSize = :size, startedAt = :now${plan.planned === undefined ? '' : ', planned = :planned'}`,
        ConditionExpression: '#state IN (:receiving, :loading) AND attribute_not_exists(chunkSize)',
        ExpressionAttributeNames: { '#state': 'state', '#format': 'format', '#compression': 'compression' },
        ExpressionAttributeValues: {
          ':loading': 'loading',
          ':receiving': 'receiving',
          ':format': plan.format,
          ':compression': plan.compression,
          ':size': plan.chunkSize,
          ':now': now.toISOString(),
          ...(plan.planned === undefined ? {} : { ':planned': plan.planned }),
        },
        ReturnValues: 'ALL_NEW',
      }),
    )
    return Attributes as Load
  } catch (error) {
    if (isAwsError(error, 'ConditionalCheckFailedException')) return getLoad({ client, name }, id)
    throw error
  }
}

/** Adds the result of one chunk, or of a part of it, to its load, once. */
export async function projectChunk(table: Table, { id, ttl }: Pick<Load, 'id' | 'ttl'>, result: ChunkResult): Promise<void> {
  await addOnce(table, id, { ...chunkKey(id, result.chunk, result.part), ...result, ttl }, async () => {
    // What was passed over is not added to but written anew, from what the load has: that bounds it.
    const load = result.ignored && (await getLoad(table, id))
    const sets = [...(result.last ? ['planned = :planned'] : []), ...(load ? ['ignored = :ignored'] : [])]
    return {
      UpdateExpression: `ADD committed :whole, bytesRead :bytes, received :received, loaded :loaded, updated :updated, #duplicate :duplicate, rejected :rejected${result.rejects.map((_, i) => `, #r${i} :r${i}`).join('')}${
        sets.length > 0 ? ` SET ${sets.join(', ')}` : ''
      } REMOVE waiting`,
      ...(load && { ConditionExpression: load.ignored ? 'ignored = :before' : 'attribute_not_exists(ignored)' }),
      ExpressionAttributeNames: {
        '#duplicate': 'duplicate',
        ...Object.fromEntries(result.rejects.map((sum, i) => [`#r${i}`, attributeOf(sum)])),
      },
      ExpressionAttributeValues: {
        // A chunk is committed with its last part.
        ':whole': result.more ? 0 : 1,
        ':bytes': result.sourceEnd - result.sourceStart,
        ':received': result.received,
        ':loaded': result.loaded,
        ':updated': result.updated,
        ':duplicate': result.duplicate,
        ':rejected': result.rejected,
        ...Object.fromEntries(result.rejects.map(({ rows }, i) => [`:r${i}`, rows])),
        ...(result.last ? { ':planned': result.chunk + 1 } : {}),
        ...(load && { ':ignored': addIgnored(load.ignored, result.ignored) }),
        ...(load?.ignored && { ':before': load.ignored }),
      },
    }
  })
}

/**
 * Ends the load when all of its chunks are projected: the chain of checksums and the counts are followed to the end. A batch may be committed
 * before the door that sent it has said that it is loading.
 */
export async function finishLoad(table: Table, id: string): Promise<void> {
  const load = await getLoad(table, id)
  const open = load?.state === 'loading' || (load?.door === 'batch' && load.state === 'receiving')
  if (!open || load.planned === undefined || load.committed < load.planned) return
  await endLoad(table, id, await endingOf(load, chunksOf(table)(id, 0)))
}

/** Notes what a load waits for, unless it says so already or does not load any more. The next chunk that is projected takes it away. */
export async function noteWaiting({ client, name }: Table, id: string, waiting: Waiting): Promise<void> {
  await ifConditionHolds(() =>
    client.send(
      new UpdateCommand({
        TableName: name,
        Key: loadKey(id),
        UpdateExpression: 'SET waiting = :waiting',
        ConditionExpression: '#state IN (:receiving, :loading) AND (attribute_not_exists(waiting) OR waiting.code <> :code)',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':waiting': waiting, ':code': waiting.code, ':receiving': 'receiving', ':loading': 'loading' },
      }),
    ),
  )
}

/** Ends a load that can never succeed. What was committed stays and is counted. */
export async function failLoad(table: Table, id: string, error: LoadError): Promise<void> {
  await endLoad(table, id, { state: 'failed', problem: error.problem })
}

/** The first ending stands. */
async function endLoad({ client, name }: Table, id: string, { state, ...facts }: Ending): Promise<void> {
  const names = Object.keys(facts)
  await ifConditionHolds(() =>
    client.send(
      new UpdateCommand({
        TableName: name,
        Key: loadKey(id),
        UpdateExpression: `SET #state = :state${names.map((f) => `, #${f} = :${f}`).join('')} REMOVE waiting`,
        ConditionExpression: '#state IN (:receiving, :loading)',
        ExpressionAttributeNames: { '#state': 'state', ...Object.fromEntries(names.map((f) => [`#${f}`, f])) },
        ExpressionAttributeValues: {
          ':state': state,
          ':receiving': 'receiving',
          ':loading': 'loading',
          ...Object.fromEntries(Object.entries(facts).map(([f, v]) => [`:${f}`, v])),
        },
      }),
    ),
  )
}

/** Opens a failed load again for a replay. What is committed stays committed. */
export async function reopenLoad({ client, name }: Table, id: string): Promise<Load | undefined> {
  try {
    const { Attributes } = await client.send(
      new UpdateCommand({
        TableName: name,
        Key: loadKey(id),
        UpdateExpression: 'SET #state = :loading REMOVE problem, loadedCrc32',
        ConditionExpression: '#state IN (:failed, :loading) AND attribute_exists(chunkSize)',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':loading': 'loading', ':failed': 'failed' },
        ReturnValues: 'ALL_NEW',
      }),
    )
    return Attributes as Load
  } catch (error) {
    if (isAwsError(error, 'ConditionalCheckFailedException')) return getLoad({ client, name }, id)
    throw error
  }
}
