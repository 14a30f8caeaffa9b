import { randomUUID } from 'node:crypto'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { clientSettings } from '../aws.ts'
import { queueUrl } from '../endpoint.ts'
import { failureKey, withPayload } from '../event-source/failure-record.ts'
import type { SendFailure } from '../event-source/ports.ts'
import { type Mapping, MappingRefused } from '../event-source/settings.ts'

/**
 * Where given-up batches go. A bucket gets the document with the payload, a queue the document alone. A topic would get what a queue gets, and
 * is refused only because nothing here needs the SNS client.
 */
export function createFailureDestination(
  endpoint: string,
  { uuid, onFailure }: Pick<Mapping, 'uuid' | 'onFailure'>,
): SendFailure | undefined {
  if (onFailure === undefined) return undefined
  const [, , service, , , name = ''] = onFailure.split(':')
  if (service === 's3') return toBucket(new S3Client({ ...clientSettings(endpoint), forcePathStyle: true }), name, uuid)
  if (service === 'sqs') return toQueue(new SQSClient(clientSettings(endpoint)), endpoint, name)
  throw new MappingRefused(`Event source mapping ${uuid}: its on-failure destination ${onFailure} is neither a bucket nor a queue.`)
}

const toBucket =
  (client: S3Client, bucket: string, uuid: string): SendFailure =>
  async ({ shardId, metadata, payload, at }) => {
    const key = failureKey(uuid, shardId, at, randomUUID())
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: withPayload(metadata, payload), ContentType: 'application/json' }),
    )
  }

function toQueue(client: SQSClient, endpoint: string, name: string): SendFailure {
  let url: Promise<string> | undefined
  const find = async () => queueUrl(endpoint, (await client.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl ?? '')
  return async ({ metadata }) => {
    url ??= find()
    try {
      await client.send(new SendMessageCommand({ QueueUrl: await url, MessageBody: JSON.stringify(metadata) }))
    } catch (error) {
      url = undefined
      throw error
    }
  }
}
