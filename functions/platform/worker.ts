import { ChangeMessageVisibilityCommand, GetQueueUrlCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { Context, SQSBatchItemFailure, SQSEvent, SQSHandler, SQSRecord } from 'aws-lambda'
import { log } from './log.ts'

/** Throws when the message must be delivered again. `timeLeft` is in milliseconds. */
export type HandleMessage = (record: SQSRecord, timeLeft: () => number) => Promise<void>

export interface QueueOptions {
  /**
   * Seconds for which a message is hidden from others, said again while it is in work: a function that dies without a word gives it back after that time.
   * Without it the queue's own visibility timeout counts, which Lambda demands to be no shorter than the function's:
   * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
   */
  readonly lease?: number
}

/** Seconds until the next try: without this a failed message would wait for the queue's whole visibility timeout. */
const firstDelay = 2
const longestDelay = 300
/** Times a lease is said again before it would be over: two of them may fail. */
const beats = 3

/** The boundary of every function behind a queue: one message after the other, the failed ones reported one by one. */
export function queueHandler(sqs: SQSClient, { lease }: QueueOptions, handle: HandleMessage): SQSHandler {
  const hide = visibility(sqs)
  return async (event: SQSEvent, context: Context) => {
    const batchItemFailures: SQSBatchItemFailure[] = []
    for (const record of event.Records) {
      const end = lease === undefined ? async () => undefined : keepHidden(() => hide(record, lease), lease)
      try {
        await handle(record, () => context.getRemainingTimeInMillis())
        await end()
      } catch (error) {
        // One that is on its way would take the place of the shorter time below.
        await end()
        log.error('message failed', { messageId: record.messageId, body: record.body.slice(0, 2048), error: error as Error })
        batchItemFailures.push({ itemIdentifier: record.messageId })
        const received = Number(record.attributes.ApproximateReceiveCount)
        await hide(record, Math.min(longestDelay, firstDelay * 2 ** (received - 1)))
      }
    }
    return { batchItemFailures }
  }
}

/** Hides a message now and again and again, until the returned function is called, which waits for what is on its way. `hide` never throws. */
function keepHidden(hide: () => Promise<void>, lease: number): () => Promise<void> {
  let underWay: Promise<void> | undefined
  const beat = (): void => {
    // One at a time: with SQS out of reach they would pile up.
    underWay ??= hide().finally(() => {
      underWay = undefined
    })
  }
  beat()
  const timer = setInterval(beat, (lease * 1000) / beats)
  return async () => {
    clearInterval(timer)
    await underWay
  }
}

/** Hides a message for some seconds more. When SQS refuses, it keeps the time that it had. */
function visibility(sqs: SQSClient): (record: SQSRecord, seconds: number) => Promise<void> {
  const urls = new Map<string, string>()
  const urlOf = async (arn: string): Promise<string> => {
    const known = urls.get(arn)
    if (known) return known
    const [QueueName, QueueOwnerAWSAccountId] = arn.split(':').reverse()
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName, QueueOwnerAWSAccountId }))
    urls.set(arn, QueueUrl!)
    return QueueUrl!
  }
  return async ({ eventSourceARN, receiptHandle: ReceiptHandle }, VisibilityTimeout) => {
    try {
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: await urlOf(eventSourceARN), ReceiptHandle, VisibilityTimeout }))
    } catch (error) {
      log.warn('the message keeps its visibility timeout', { error: error as Error })
    }
  }
}
