import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { readEnv } from '#core/env.ts'
import { parseChunkJob } from '#core/loads/chunk.ts'
import { rejectsKey } from '#core/loads/load.ts'
import { datasets } from '#datasets'
import { sendChunks } from '#platform/chunk-queue.ts'
import { databaseBreaker } from '#platform/dynamodb/breaker.ts'
import { notedEdges, noteEdges } from '#platform/dynamodb/edges.ts'
import { failLoad, finishLoad, getLoad, noteWaiting, projectChunk } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { DatabaseAway } from '#platform/postgres/breaker.ts'
import { chunkStore } from '#platform/postgres/chunk-store.ts'
import { connector } from '#platform/postgres/database.ts'
import { objectReader } from '#platform/s3/objects.ts'
import { textOpener } from '#platform/s3/open-text.ts'
import { rejectFile } from '#platform/s3/reject-file.ts'
import { queueHandler } from '#platform/worker.ts'
import { spec } from './env.ts'
import { createLoadChunk } from './load-chunk.ts'

const env = readEnv(spec, process.env)
const s3 = new S3Client({ forcePathStyle: true })
const sqs = new SQSClient({})
const table = openTable(env.TABLE_NAME)

const readObject = objectReader(s3, env.RAW_BUCKET)

const loadChunk = createLoadChunk({
  ...chunkStore(connector(env.DATABASE_SECRET_ARN), databaseBreaker(table), (load, chunk, part) =>
    rejectFile(s3, env.REJECTS_BUCKET, rejectsKey(load, chunk, part)),
  ),
  getLoad: (id) => getLoad(table, id),
  findDataset: (name) => datasets.get(name),
  openText: textOpener(readObject),
  // Loaded when the first such file comes: no other load waits for it.
  openParquet: async (load, dataset) => (await import('#platform/s3/parquet.ts')).parquetOpener(readObject)(load, dataset),
  projectChunk: (load, result) => projectChunk(table, load, result),
  finishLoad: (id) => finishLoad(table, id),
  failLoad: (id, error) => failLoad(table, id, error),
  sendChunks: (jobs, traceparent, delay) => sendChunks(sqs, env.CHUNK_QUEUE_URL, jobs, traceparent, delay),
  away: (error) => (error instanceof DatabaseAway ? error : undefined),
  noteWaiting: (id, waiting) => noteWaiting(table, id, waiting),
  patience: env.DATABASE_PATIENCE_SECONDS * 1000,
  now: Date.now,
  noteEdges: (load, chunk, edges) => noteEdges(table, load, chunk, edges),
  notedEdges: (id) => notedEdges(table, id),
})

export const handler = queueHandler(sqs, { lease: env.LEASE_SECONDS }, async (record, timeLeft) => {
  const job = parseChunkJob(record.body)
  if (!job) throw new Error('the message is no chunk job')
  await loadChunk(job, timeLeft, Number(record.attributes.ApproximateReceiveCount))
})
