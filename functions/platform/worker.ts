import { ChangeMessageVisibilityCommand, GetQueueUrlCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { Context, SQSBatchItemFailure, SQSEvent, SQSHandler, SQSRecord } from 'aws-lambda'
import { log } from './log.ts'

/** Throws when the message must be delivered again. `timeLeft` is in milliseconds. */
export type HandleMessage = (record: SQSRecord, timeLeft: () => number) => Promise<void>

/** Seconds until the next try: without this a failed message would wait for the queue's whole visibility timeout. */
const firstDelay = 2
const longestDelay = 300

/** The boundary of every function behind a queue: one message after the other, the failed ones reported one by one. */
export function queueHandler(sqs: SQSClient, handle: HandleMessage): SQSHandler {
  return async (event: SQSEvent, context: Context) => {
    const batchItemFailures: SQSBatchItemFailure[] = []
    for (const record of event.Records) {
      try {
        await handle(record, () => context.getRemainingTimeInMillis())
      } catch (error) {
        log.error('message failed', { messageId: record.messageId, body: record.body.slice(0, 2048), error: error as Error })
        batchItemFailures.push({ itemIdentifier: record.messageId })
        await comeBackSoon(sqs, record).catch((e) => log.warn('the message keeps its visibility timeout', { error: e as Error }))
      }
    }
    return { batchItemFailures }
  }
}

async function comeBackSoon(sqs: SQSClient, record: SQSRecord): Promise<void> {
  const [QueueName, QueueOwnerAWSAccountId] = record.eventSourceARN.split(':').reverse()
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName, QueueOwnerAWSAccountId }))
  const received = Number(record.attributes.ApproximateReceiveCount)
  const VisibilityTimeout = Math.min(longestDelay, firstDelay * 2 ** (received - 1))
  await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: record.receiptHandle, VisibilityTimeout }))
}
