import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { readEnv } from '#core/env.ts'
import { parsePlanMessage } from '#core/loads/plan-message.ts'
import { datasets } from '#datasets'
import { sendChunks } from '#platform/chunk-queue.ts'
import { failLoad, getLoad, reopenLoad, startLoad } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { noteOrphan } from '#platform/s3/dead-letters.ts'
import { objectReader, readHead } from '#platform/s3/objects.ts'
import { readTextHead } from '#platform/s3/open-text.ts'
import { headObject } from '#platform/s3/uploads.ts'
import { queueHandler } from '#platform/worker.ts'
import { spec } from './env.ts'
import { createPlanLoad } from './plan-load.ts'

const env = readEnv(spec, process.env)
const s3 = new S3Client({ forcePathStyle: true })
const sqs = new SQSClient({})
const table = openTable(env.TABLE_NAME)

const readObject = objectReader(s3, env.RAW_BUCKET)

const planLoad = createPlanLoad({
  getLoad: (id) => getLoad(table, id),
  findDataset: (name) => datasets.get(name),
  findObject: headObject({ name: env.RAW_BUCKET, client: s3 }),
  sniff: (key, bytes) => readHead(readObject, key, bytes),
  sniffText: (load, compression) => readTextHead(readObject, load, compression),
  startLoad: (id, plan) => startLoad(table, id, plan, new Date()),
  reopenLoad: (id) => reopenLoad(table, id),
  failLoad: (id, error) => failLoad(table, id, error),
  sendChunks: (jobs, traceparent) => sendChunks(sqs, env.CHUNK_QUEUE_URL, jobs, traceparent),
  noteOrphan: (key, reason) => noteOrphan(s3, env.DEAD_LETTERS_BUCKET, key, reason),
})

export const handler = queueHandler(sqs, {}, async (record) => {
  const messages = parsePlanMessage(record.body)
  if (!messages) throw new Error('the message is neither an S3 event nor a replay')
  for (const message of messages) await planLoad(message)
})
