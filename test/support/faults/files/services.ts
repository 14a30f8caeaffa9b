import { ChangeMessageVisibilityCommand, GetQueueUrlCommand, SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { ReadObject } from '#platform/s3/objects.ts'
import type { ModelQueue } from '../../model-queue.ts'
import { type Process, ServiceFailure } from './process.ts'

/** SQS as a process reaches it: what it reads from and what it sends to. */
export function sqsOf(process: Process, reads: ModelQueue, sends: ModelQueue): SQSClient {
  return {
    async send(command: unknown) {
      process.alive()
      if (command instanceof GetQueueUrlCommand) return { QueueUrl: 'queue' }
      if (command instanceof ChangeMessageVisibilityCommand) {
        if (process.part === 'load-chunk' && process.fault('hide message') === 'fails') throw new ServiceFailure('SQS does not answer')
        reads.hide(command.input.ReceiptHandle!, command.input.VisibilityTimeout!)
        return {}
      }
      if (command instanceof SendMessageBatchCommand) return sendBatch(process, sends, command)
      throw new Error('the simulator does not know this command')
    },
  } as unknown as SQSClient
}

async function sendBatch(process: Process, queue: ModelQueue, { input: { Entries = [] } }: SendMessageBatchCommand) {
  const fault = process.fault('send chunks')
  if (fault === 'dies before') process.die()
  if (fault === 'fails') throw new ServiceFailure('SQS does not answer')
  const taken = fault === 'takes a part' ? Entries.slice(1) : Entries
  for (const { MessageBody, DelaySeconds } of taken) queue.send(MessageBody!, DelaySeconds)
  if (fault === 'dies after') process.die()
  if (fault === 'answer lost') throw new ServiceFailure('SQS took the messages, and the answer is lost')
  return { Failed: Entries.slice(0, Entries.length - taken.length) }
}

const pieceBytes = 64 * 1024

/** Objects of S3 as a process reads them. */
export const readerOf = (process: Process): ReadObject =>
  async function* (key, from, to) {
    process.alive()
    const fault = process.fault('read object')
    if (fault === 'dies before') process.die()
    if (fault === 'fails') throw new ServiceFailure('S3 does not answer')
    const object = process.world.objects.get(key)
    if (!object) throw new Error(`the run has let go of object ${key}, which somebody still reads`)
    const end = Math.min(to, object.length)
    const step = fault === 'cut off' ? Math.max(1, Math.floor((end - from) / 2)) : pieceBytes
    for (let at = from; at < end; at += step) {
      process.alive()
      yield object.subarray(at, Math.min(at + step, end))
      if (fault === 'cut off') throw Object.assign(new Error('aborted'), { name: 'AbortError' })
    }
  }
