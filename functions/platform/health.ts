import { setTimeout as sleep } from 'node:timers/promises'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { HeadBucketCommand } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { GetCommand } from '@aws-sdk/lib-dynamodb'
import { betweenLooks, type Sighting } from './dynamodb/breaker.ts'
import type { Table } from './dynamodb/table.ts'
import type { Bucket } from './s3/bucket.ts'

/** Asks one part of the world whether it answers; rejects when it does not. */
export type Check = (signal: AbortSignal) => Promise<unknown>

/** One cheap question to each part that the API depends on. */
export const askTable =
  ({ client, name }: Table) =>
  (abortSignal: AbortSignal) =>
    client.send(new GetCommand({ TableName: name, Key: { pk: 'HEALTH', sk: 'HEALTH' } }), { abortSignal })

export const askBucket =
  ({ client, name }: Bucket) =>
  (abortSignal: AbortSignal) =>
    client.send(new HeadBucketCommand({ Bucket: name }), { abortSignal })

/** Milliseconds until it is looked whether somebody else's look has ended. */
const pause = 200

/**
 * The API's functions never meet the database: they ask what was last seen of it, and have a function look that may when that is too long ago.
 * Nobody is sent to look while somebody does: a database that hangs would else cost a function for each who asks.
 * @param look ends when it was looked, or when somebody else is at it
 */
export const askDatabase =
  (read: (signal: AbortSignal) => Promise<Sighting>, look: Check) =>
  async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const { openSince, lookedAt, lookingUntil } = await read(signal)
      const isLooking = Date.now() < lookingUntil
      const isFresh = Date.now() - lookedAt < betweenLooks
      if (openSince !== undefined && (isFresh || isLooking))
        throw Object.assign(new Error(`away since ${openSince}`), { name: 'DatabaseAway' })
      if (isFresh) return
      if (!isLooking) await look(signal)
      await sleep(pause, undefined, { signal })
    }
  }

/** @throws when the function fails */
export const invoking = (name: string): Check => {
  const client = new LambdaClient({ maxAttempts: 1 })
  return async (abortSignal) => {
    const { FunctionError } = await client.send(new InvokeCommand({ FunctionName: name }), { abortSignal })
    if (FunctionError !== undefined) throw new Error(`${name} failed`)
  }
}

export const askQueue = (url: string) => {
  const client = new SQSClient({})
  return (abortSignal: AbortSignal) =>
    client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }), { abortSignal })
}
