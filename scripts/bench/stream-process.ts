import { S3Client } from '@aws-sdk/client-s3'
import type { Context, KinesisStreamEvent } from 'aws-lambda'
import pg from 'pg'
import { decodeEnvelope, type EnvelopeHeader, encodeEnvelope } from '#core/batches/envelope.ts'
import { rowsOf } from '#core/batches/envelope-rows.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { crc32 } from '#core/loads/crc32.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import { loadIdFor } from '#core/loads/load-id.ts'
import type { Parking } from '#core/records/parking.ts'
import { copyInto } from '#platform/postgres/copy.ts'
import { recordStore } from '#platform/postgres/record-store.ts'
import { rejectFile } from '#platform/s3/reject-file.ts'
import { streamHandler } from '#platform/stream-worker.ts'
import { createLoadRecords } from '../../functions/load-records/load-records.ts'
import { alwaysThere } from './always-there.ts'
import { answerOrders } from './answering.ts'
import { linesOf } from './file-rows.ts'

/**
 * The consumer of the stream as it is deployed, from the event that Lambda gives to the commit; where it shows what was committed, nothing is done. Beside it,
 * row by row the same, a bare binary COPY and its commit, by the same process over a connection of its own: the two take turns.
 */
export interface StreamOrder {
  /** Two tables of the same columns. */
  readonly ours: Dataset
  readonly bare: Dataset
  /** Flights to make rows of; their ids are counted on. */
  readonly path: string
  readonly invocations: number
  /** Invocations before them that are not counted: a warm function is measured. */
  readonly warmUp: number
  readonly envelopes: number
  readonly rows: number
}
/** Seconds of each pair. */
export type StreamAnswer = readonly { readonly ours: number; readonly bare: number }[]

const connect = async (): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: process.argv[2]!, keepAlive: true, application_name: 'bench consumer' })
  await client.connect()
  return client
}
const bareConnection = await connect()
// No row of the bench is refused: nothing is sent there.
const s3 = new S3Client({ region: 'local' })
const store = recordStore(connect, alwaysThere, ({ load }) => rejectFile(s3, 'rejects', load))
const stray = (): Promise<never> => Promise.reject(new Error('no record of the bench is parked'))
const neverParked: Parking = { find: async () => undefined, open: stray, put: stray, count: stray, remove: stray, wake: stray }
const timeLeft = { getRemainingTimeInMillis: () => 60_000 } as Context

answerOrders(async ({ ours, bare, path, invocations, warmUp, envelopes, rows }: StreamOrder): Promise<StreamAnswer> => {
  const results: ChunkResult[] = []
  const handler = streamHandler(
    createLoadRecords({
      ...store,
      findDataset: () => ours,
      projectChunk: async (_load, result) => void results.push(result),
      finishLoad: async () => undefined,
      getLoad: async () => undefined,
      failLoad: (_load, error) => Promise.reject(error),
      setAside: (_record, _header, reason) => Promise.reject(reason),
      parking: neverParked,
      noteWaiting: async () => undefined,
      delayed: (_record, error) => {
        throw error
      },
    }),
  )
  const texts = textsOf(path, rows)
  const pairs: { ours: number; bare: number }[] = []
  for (let n = 0; n < invocations + warmUp; n++) {
    const records = await Promise.all(Array.from({ length: envelopes }, async (_, i) => record(ours, await texts.next(), rows, n, i)))
    const event = { Records: records.map(({ shown }) => shown) } as KinesisStreamEvent
    const copied = await binaryOf(
      bare,
      records.map(({ data }) => data),
    )
    const pair = { ours: 0, bare: 0 }
    const sides = [
      async () => {
        pair.ours = await timed(async () => {
          const answer = await handler(event, timeLeft, () => undefined)
          if (!answer || answer.batchItemFailures.length > 0) throw new Error('a record failed')
        })
      },
      async () => {
        pair.bare = await timed(() => bareCopy(bare, copied))
      },
    ]
    for (const side of n % 2 === 0 ? sides : sides.reverse()) await side()
    if (n >= warmUp) pairs.push(pair)
  }
  const loaded = results.reduce((sum, result) => sum + result.loaded, 0)
  if (loaded !== (invocations + warmUp) * envelopes * rows) throw new Error(`${loaded} rows were loaded`)
  return pairs
})

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** Texts of so many rows each, for ever: the flights again and again, under new ids. */
function textsOf(path: string, rows: number) {
  let id = 0
  async function* all(): AsyncGenerator<string> {
    for (;;) for await (const line of linesOf(path)) yield line.replace(/^\{"id":\d+/, () => `{"id":${++id}`)
  }
  const lines = all()
  return {
    async next(): Promise<Buffer> {
      let text = ''
      for (let i = 0; i < rows; i++) text += `${(await lines.next()).value}\n`
      return Buffer.from(text)
    },
  }
}

function record(dataset: Dataset, text: Buffer, rows: number, invocation: number, chunk: number) {
  const header: EnvelopeHeader = {
    ...{
      tenant: 'bench',
      dataset: dataset.name,
      load: loadIdFor('bench', dataset.name, `${process.pid}/${invocation}`),
      chunk,
      last: false,
    },
    ...{ traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, createdAt: new Date().toISOString(), ttl: 0, format: 'ndjson' as const },
    ...{ start: chunk * text.length, size: text.length, crc32: crc32(text), rows },
  }
  const data = encodeEnvelope({ header, text, places: [{ line: 1, lineShift: chunk * rows, offsetShift: 0 }] })
  const sequenceNumber = String(10n ** 20n + BigInt(invocation * 1000 + chunk))
  const kinesis = { data: data.toString('base64'), partitionKey: 'a', sequenceNumber, approximateArrivalTimestamp: Date.now() / 1000 }
  return { data, shown: { eventID: `shardId-000000000000:${sequenceNumber}`, kinesis } }
}

/** The rows as binary COPY has them, in pieces. */
async function binaryOf(dataset: Dataset, envelopes: readonly Buffer[]): Promise<Buffer[]> {
  const pieces: Buffer[] = []
  const write = async (bytes: Uint8Array): Promise<void> => void pieces.push(Buffer.from(bytes))
  for (const envelope of envelopes)
    await rowsOf(decodeEnvelope(envelope), dataset).read({ write, refuse: () => undefined, flush: async () => undefined }, false, 0)
  return pieces
}

async function bareCopy(dataset: Dataset, pieces: readonly Buffer[]): Promise<void> {
  await bareConnection.query('BEGIN')
  const copy = copyInto(bareConnection, `public.${dataset.name}`, Object.keys(dataset.columns))
  for (const piece of pieces) await copy.write(piece)
  await copy.finish()
  await bareConnection.query('COMMIT')
}
