import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { readEnv } from '#core/env.ts'
import { rejectsKey } from '#core/loads/load.ts'
import { datasets } from '#datasets'
import { databaseBreaker } from '#platform/dynamodb/breaker.ts'
import { parkingMarks } from '#platform/dynamodb/parking-marks.ts'
import { failLoad, finishLoad, getLoad, noteWaiting, projectChunk } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { log } from '#platform/log.ts'
import { parkedQueue } from '#platform/parked-queue.ts'
import { connector } from '#platform/postgres/database.ts'
import { recordStore } from '#platform/postgres/record-store.ts'
import { setAside } from '#platform/s3/dead-letters.ts'
import { parkedObjects } from '#platform/s3/parked.ts'
import { rejectFile } from '#platform/s3/reject-file.ts'
import { streamHandler } from '#platform/stream-worker.ts'
import { spec } from './env.ts'
import { createLoadRecords } from './load-records.ts'

const env = readEnv(spec, process.env)
const s3 = new S3Client({ forcePathStyle: true })
const table = openTable(env.TABLE_NAME)

const store = recordStore(connector(env.DATABASE_SECRET_ARN), databaseBreaker(table), (header) =>
  rejectFile(s3, env.REJECTS_BUCKET, rejectsKey({ ...header, id: header.load }, header.chunk)),
)

const marks = parkingMarks(table)

const loadRecords = createLoadRecords({
  ...store,
  findDataset: (name) => datasets.get(name),
  projectChunk: (load, result) => projectChunk(table, load, result),
  finishLoad: (id) => finishLoad(table, id),
  getLoad: (id) => getLoad(table, id),
  failLoad: (id, error) => failLoad(table, id, error),
  setAside: (record, header, reason) => setAside(s3, env.DEAD_LETTERS_BUCKET, record, header, reason),
  parking: {
    ...marks,
    ...parkedObjects(s3, env.DEAD_LETTERS_BUCKET),
    wake: marks.wakes(parkedQueue(new SQSClient({}), env.PARKED_QUEUE_URL)),
  },
  noteWaiting: (load, waiting) => noteWaiting(table, load, waiting),
  delayed: ({ sequenceNumber, shard }, error) => log.error('record comes again', { sequenceNumber, shard, error: error as Error }),
})

export const handler = streamHandler(loadRecords)
