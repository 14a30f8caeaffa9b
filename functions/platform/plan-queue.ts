import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { Load } from '#core/loads/load.ts'

/** Asks plan-load to plan a load again. */
export function requestPlan(queueUrl: string): (load: Load) => Promise<void> {
  const client = new SQSClient({})
  return async ({ id, traceparent }) => {
    await client.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: JSON.stringify({ replay: id }),
        MessageAttributes: { traceparent: { DataType: 'String', StringValue: traceparent } },
      }),
    )
  }
}
