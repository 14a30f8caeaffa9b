import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { readEnv } from '#core/env.ts'
import { rejectsKey } from '#core/loads/load.ts'
import { datasets } from '#datasets'
import { databaseBreaker } from '#platform/dynamodb/breaker.ts'
import { parkingMarks } from '#platform/dynamodb/parking-marks.ts'
import { failLoad, finishLoad, getLoad, projectChunk } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { log } from '#platform/log.ts'
import { count } from '#platform/metrics.ts'
import { parkedQueue } from '#platform/parked-queue.ts'
import { connector } from '#platform/postgres/database.ts'
import { recordStore } from '#platform/postgres/record-store.ts'
import { setAside } from '#platform/s3/dead-letters.ts'
import { parkedObjects } from '#platform/s3/parked.ts'
import { rejectFile } from '#platform/s3/reject-file.ts'
import { queueHandler } from '#platform/worker.ts'
import { createDrainParked, type DrainMessage } from './drain-parked.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)
const s3 = new S3Client({ forcePathStyle: true })
const sqs = new SQSClient({})
const table = openTable(env.TABLE_NAME)
const marks = parkingMarks(table)
const send = parkedQueue(sqs, env.PARKED_QUEUE_URL)

const drainParked = createDrainParked({
  ...recordStore(connector(env.DATABASE_SECRET_ARN), databaseBreaker(table), (header) =>
    rejectFile(s3, env.REJECTS_BUCKET, rejectsKey({ ...header, id: header.load }, header.chunk)),
  ),
  ...marks,
  ...parkedObjects(s3, env.DEAD_LETTERS_BUCKET),
  findDataset: (name) => datasets.get(name),
  projectChunk: (load, result) => projectChunk(table, load, result),
  finishLoad: (id) => finishLoad(table, id),
  getLoad: (id) => getLoad(table, id),
  failLoad: (id, error) => failLoad(table, id, error),
  setAside: (record, header, reason) => setAside(s3, env.DEAD_LETTERS_BUCKET, record, header, reason),
  async sendAgain(message, delay) {
    // At least once a minute for as long as records are parked: that is how it shows how long it lasts.
    count('DatasetParked')
    await send(message, delay)
    await marks.noteWoken(message.dataset)
  },
  delayed: ({ sequenceNumber }, error) => log.error('parked record stays parked', { sequenceNumber, error: error as Error }),
  failed: (dataset, error) => log.error('parked records could not be drained', { dataset, error: error as Error }),
  patience: env.PATIENCE_SECONDS * 1000,
  now: Date.now,
})

export const handler = queueHandler(sqs, { lease: env.LEASE_SECONDS }, (record, timeLeft) =>
  drainParked(JSON.parse(record.body) as DrainMessage, timeLeft),
)
