import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { S3Client } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { Pool } from 'pg'
import { type Receipt, reconciles } from '#core/loads/receipt.ts'
import type { Reject } from '#core/rejects/reject.ts'
import { createClient } from '../../client/src/client.ts'
import type { Millrace } from '../../client/src/millrace.ts'
import type { PushOptions } from '../../client/src/push-options.ts'
import { blobSource } from '../../client/src/source.ts'

/** A deployed local stage, as `.local/env` describes it. Tests share it, so each keeps to rows of its own. */
export interface Stage extends AsyncDisposable {
  readonly client: Millrace
  readonly database: Pool
  readonly s3: S3Client
  readonly sqs: SQSClient
  /** Pushes bytes, waits, and checks what every receipt must satisfy. */
  readonly push: (bytes: string | Buffer, options: Partial<PushOptions> & Pick<PushOptions, 'dataset'>) => Promise<Receipt>
  readonly rejectsOf: (load: string) => Promise<Reject[]>
  readonly countFlights: (from: number, to: number) => Promise<number>
  /** Messages of a queue, waiting or in work. */
  readonly messagesIn: (queueUrl: string) => Promise<number>
  readonly send: (queueUrl: string, message: object) => Promise<void>
  /** Until nothing is waiting or being worked on in the pipeline's queues. */
  readonly quiet: () => Promise<void>
}

export function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: these tests run against a deployed stage (npm test, or: set -a; . .local/env)`)
  return value
}

export function connectStage(): Stage {
  const client = createClient({ url: setting('MILLRACE_URL'), apiKey: setting('MILLRACE_API_KEY') })
  const database = new Pool({ connectionString: setting('DATABASE_URL'), max: 2 })
  const s3 = new S3Client({ forcePathStyle: true })
  const sqs = new SQSClient()

  const messagesIn = async (QueueUrl: string): Promise<number> => {
    const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }))
    return AttributeNames.reduce((sum, name) => sum + Number(Attributes?.[name]), 0)
  }
  return {
    client,
    database,
    s3,
    sqs,
    messagesIn,
    push: async (bytes, options) => {
      const source = blobSource(new Blob([typeof bytes === 'string' ? bytes : new Uint8Array(bytes)]), `${randomUUID()}.test`)
      const { receipt } = await client.pushFile(source, { format: 'ndjson', compression: 'none', ...options })
      checkReceipt(receipt)
      return receipt
    },
    rejectsOf: (load) => allOf(client.listRejects(load)),
    countFlights: async (from, to) => {
      const { rows } = await database.query<{ n: number }>('SELECT count(*)::int AS n FROM flights WHERE id >= $1 AND id < $2', [from, to])
      return rows[0]!.n
    },
    send: async (queueUrl, message) => {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(message) }))
    },
    quiet: async () => {
      // A message that goes from one queue to the next is in neither for a moment: twice in a row must be nothing.
      const queues = ['MILLRACE_PLAN_QUEUE_URL', 'MILLRACE_CHUNK_QUEUE_URL'].map(setting)
      for (let empty = 0; empty < 3; ) {
        const left = (await Promise.all(queues.map(messagesIn))).reduce((a, b) => a + b)
        empty = left === 0 ? empty + 1 : 0
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    },
    [Symbol.asyncDispose]: async () => {
      await database.end()
      s3.destroy()
      sqs.destroy()
    },
  }
}

/** What holds for the receipt of every load that is over, whatever happened to it. */
export function checkReceipt(receipt: Receipt): void {
  assert.ok(reconciles(receipt.rows), `${JSON.stringify(receipt.rows)} does not add up`)
  if (receipt.state !== 'complete') return
  assert.equal(receipt.rows.pending, 0)
  assert.equal(receipt.problem, null)
  assert.equal(receipt.chunks.planned, receipt.chunks.committed)
  assert.equal(receipt.bytes.read, receipt.bytes.received)
  assert.match(receipt.checksum.uploaded ?? '', /^[0-9a-f]{8}$/)
  assert.equal(receipt.checksum.loaded, receipt.checksum.uploaded)
}

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Outcomes, without the zeros: `{ received: 3, loaded: 2, rejected: 1 }`. */
export const outcomes = ({ rows }: Receipt): Record<string, number> => Object.fromEntries(Object.entries(rows).filter(([, n]) => n !== 0))

/** The first of a million ids that no other test uses. */
export const freshIds = (): number => 1_000_000_000 + randomInt(1_000_000_000) * 1_000_000

export const flight = (id: number, more: object = {}): object => ({
  ...{ id, date: '2001-07-01T12:00:00.000Z', delay: 5, distance: 405, origin: 'MCI', destination: 'MDW' },
  ...more,
})
export const flightLines = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify(flight(from + i))}\n`).join('')
/** Rows of a dataset that passes over what it does not declare. */
export const reading = (more: object = {}): object => ({ sensor: randomUUID(), at: new Date().toISOString(), value: 1.5, ...more })
export const flightHeader = 'id,date,delay,distance,origin,destination'
export const flightCsv = (from: number, count: number): string =>
  `${flightHeader}\n${Array.from({ length: count }, (_, i) => `${from + i},2001-07-01T12:00:00.000Z,5,405,MCI,MDW\n`).join('')}`
