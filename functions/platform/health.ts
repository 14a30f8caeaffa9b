import { HeadBucketCommand } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { GetCommand } from '@aws-sdk/lib-dynamodb'
import type { Table } from './dynamodb/table.ts'
import type { Breaker } from './postgres/breaker.ts'
import type { Bucket } from './s3/bucket.ts'

/** One cheap question to each part that the API depends on. */
export const askTable =
  ({ client, name }: Table) =>
  (abortSignal: AbortSignal) =>
    client.send(new GetCommand({ TableName: name, Key: { pk: 'HEALTH', sk: 'HEALTH' } }), { abortSignal })

export const askBucket =
  ({ client, name }: Bucket) =>
  (abortSignal: AbortSignal) =>
    client.send(new HeadBucketCommand({ Bucket: name }), { abortSignal })

/** The API's functions never meet the database: they ask what loaders and consumers found when they last wanted a connection. */
export const askDatabase =
  ({ openSince }: Pick<Breaker, 'openSince'>) =>
  async () => {
    const since = await openSince()
    if (since !== undefined) throw Object.assign(new Error(`away since ${since}`), { name: 'DatabaseAway' })
  }

export const askQueue = (url: string) => {
  const client = new SQSClient({})
  return (abortSignal: AbortSignal) =>
    client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }), { abortSignal })
}
