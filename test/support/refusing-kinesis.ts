import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'

export interface PutRecord {
  readonly key: string
  readonly bytes: number
  readonly data: string
}
/** What becomes of a call: of each record whether it is taken; or of all, an HTTP answer; or that the connection breaks, or nothing at all. */
export type Answer = readonly boolean[] | { readonly status: number; readonly type: string } | 'hang up' | 'silence'

/**
 * PutRecords over HTTP, which refuses what it is told to: the emulators take all there is. Answers as
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html has them.
 */
export async function refusingKinesis(answer: (records: readonly PutRecord[], call: number) => Answer) {
  const calls: PutRecord[][] = []
  /** Taken records, in their order. */
  const taken: PutRecord[] = []
  const versions = new Set<string>()
  const server = createServer(async (request, response) => {
    versions.add(request.httpVersion)
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const { Records } = JSON.parse(Buffer.concat(pieces).toString()) as { Records: { Data: string; PartitionKey: string }[] }
    const records = Records.map(({ Data, PartitionKey }) => {
      const data = Buffer.from(Data, 'base64')
      return { key: PartitionKey, bytes: data.length, data: data.toString() }
    })
    calls.push(records)
    const outcome = answer(records, calls.length)
    if (outcome === 'silence') return
    if (outcome === 'hang up') {
      request.socket.destroy()
      return
    }
    const json = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify(body))
    }
    if ('status' in outcome) {
      json(outcome.status, { __type: outcome.type, message: 'refused' })
      return
    }
    for (const [i, record] of records.entries()) if (outcome[i]) taken.push(record)
    json(200, {
      FailedRecordCount: outcome.filter((ok) => !ok).length,
      Records: records.map((_, i) =>
        outcome[i]
          ? { SequenceNumber: String(i + 1), ShardId: 'shardId-000000000000' }
          : { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' },
      ),
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new KinesisClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ throwOnRequestTimeout: true }),
  })
  return {
    stream: { name: 'batches', client },
    calls,
    taken,
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
