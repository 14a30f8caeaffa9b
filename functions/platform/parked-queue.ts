import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'

/** Sends for a drainer of a dataset. @returns a sender; `delay` in seconds */
export const parkedQueue =
  (sqs: SQSClient, QueueUrl: string) =>
  async (message: { readonly dataset: string; readonly failures: number }, delay: number): Promise<void> => {
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message), DelaySeconds: delay }))
  }
