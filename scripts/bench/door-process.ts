import type { APIGatewayProxyEvent } from 'aws-lambda'
import * as routes from '#core/api/routes/batches.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { on, serve } from '#platform/api.ts'
import { inflatedBody } from '#platform/s3/inflate.ts'
import { createSubmitBatch } from '../../functions/submit-batch/submit-batch.ts'
import { answerOrders } from './answering.ts'

/**
 * The batch door as it is deployed, from API Gateway's event to the answer; DynamoDB, S3 and the stream are away: what would be sent is made, and let go.
 */
export interface DoorOrder {
  readonly dataset: Dataset
  readonly contentType: string
  /** Of compressed bodies. */
  readonly format?: string
  /** Bodies in base64, as the gateway hands them over; taken in turns. */
  readonly bodies: readonly string[]
  readonly calls: number
  /** Calls before them that are not counted: a warm function is measured. */
  readonly warmUp: number
  readonly rows: number
  /** Processor time of all threads, the collector's too, instead of the time that went by: other work on the machine does not count. */
  readonly processor?: boolean
}
/** Milliseconds of each call. */
export type DoorAnswer = readonly number[]

const lanes = 64

answerOrders(async ({ dataset, contentType, format, bodies, calls, warmUp, rows, processor = false }: DoorOrder): Promise<DoorAnswer> => {
  let records = 0
  const submitBatch = createSubmitBatch({
    datasets: new Map([[dataset.name, dataset]]),
    lanes,
    inflate: inflatedBody,
    insertLoad: async () => undefined,
    takeBatch: async () => undefined,
    releaseBatch: async () => undefined,
    acceptBatch: async (load) => load,
    storeRefused: async () => undefined,
    sendRecords: async (sent) => {
      records += sent.length
      return new Set(sent.map(({ chunk }) => chunk))
    },
    findLoad: async () => undefined,
    sleep: async () => undefined,
    now: Date.now,
  })
  const identify = async () => ({ tenant: 'bench', datasets: ['*'] })
  const handler = serve({ requestsPerSecond: 1000, identify }, on(routes.submitBatch, submitBatch))
  const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 29_000 }
  const times: number[] = []
  for (let n = 0; n < calls + warmUp; n++) {
    const event = {
      httpMethod: 'POST',
      resource: routes.submitBatch.path,
      path: '/v1/datasets/bench/batches',
      headers: { 'content-type': contentType, ...(format !== undefined && { 'x-millrace-format': format }), 'idempotency-key': `${n}` },
      pathParameters: { dataset: dataset.name },
      queryStringParameters: null,
      body: bodies[n % bodies.length]!,
      isBase64Encoded: true,
      requestContext: { requestId: 'bench' },
    } as unknown as APIGatewayProxyEvent
    const took = processor ? processorClock() : clock()
    const { statusCode, body } = await handler(event, context)
    if (n >= warmUp) times.push(took())
    if (statusCode !== 202) throw new Error(`answered ${statusCode}: ${body.slice(0, 500)}`)
    const received = (JSON.parse(body) as { receipt: { rows: { received: number } } }).receipt.rows.received
    if (received !== rows) throw new Error(`${received} rows were received, of ${rows}`)
  }
  if (records === 0) throw new Error('nothing was sent')
  return times
})

function clock(): () => number {
  const began = performance.now()
  return () => performance.now() - began
}
function processorClock(): () => number {
  const began = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(began)
    return (user + system) / 1000
  }
}
