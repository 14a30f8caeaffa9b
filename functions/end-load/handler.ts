import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { readEnv } from '#core/env.ts'
import { isCommitted } from '#platform/dynamodb/chunks.ts'
import { failLoad, getLoad } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { countGivenUp, noteMessage } from '#platform/s3/dead-letters.ts'
import { queueHandler } from '#platform/worker.ts'
import { createEndLoad } from './end-load.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)
const s3 = new S3Client({ forcePathStyle: true })
const table = openTable(env.TABLE_NAME)

const endLoad = createEndLoad({
  getLoad: (id) => getLoad(table, id),
  isCommitted: isCommitted(table),
  failLoad: (id, error) => failLoad(table, id, error),
  keepMessage: (id, body, reason) => noteMessage(s3, env.DEAD_LETTERS_BUCKET, id, body, reason),
  countGivenUp,
})

export const handler = queueHandler(new SQSClient({}), {}, ({ messageId, body }) => endLoad(messageId, body))
