import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { ChunkJob } from '#core/loads/chunk.ts'

/** SQS takes ten messages a call: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const batchSize = 10
/** Calls under way at once. */
const parallel = 8
/** Rounds in which the messages that SQS did not take are sent again. */
const rounds = 5

/**
 * Puts chunk jobs on the queue. Sending one twice is harmless: the ledger refuses the second.
 * @param delay seconds until they are delivered, 900 at most
 */
export async function sendChunks(
  sqs: SQSClient,
  queueUrl: string,
  jobs: Iterable<ChunkJob>,
  traceparent: string,
  delay = 0,
): Promise<void> {
  const batches = batchesOf(jobs)
  const worker = async (): Promise<void> => {
    for (const batch of batches) await sendBatch(sqs, queueUrl, batch, traceparent, delay)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}

function* batchesOf(jobs: Iterable<ChunkJob>): Generator<ChunkJob[]> {
  let batch: ChunkJob[] = []
  for (const job of jobs) {
    batch.push(job)
    if (batch.length === batchSize) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

async function sendBatch(
  sqs: SQSClient,
  queueUrl: string,
  batch: readonly ChunkJob[],
  traceparent: string,
  DelaySeconds: number,
): Promise<void> {
  let open = batch.map((job, i) => ({
    Id: String(i),
    MessageBody: JSON.stringify(job),
    DelaySeconds,
    MessageAttributes: { traceparent: { DataType: 'String', StringValue: traceparent } },
  }))
  for (let round = 0; open.length > 0; round++) {
    if (round === rounds) throw new Error(`SQS did not take ${open.length} messages in ${rounds} rounds`)
    const { Failed = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: open }))
    const failed = new Set(Failed.map((f) => f.Id))
    open = open.filter((entry) => failed.has(entry.Id))
  }
}
