import { string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads and chunks'),
  RAW_BUCKET: string('bucket of uploaded objects'),
  REJECTS_BUCKET: string('bucket of rejected rows'),
  CHUNK_QUEUE_URL: string('SQS queue this function reads, and writes continuations to'),
  DATABASE_SECRET_ARN: string('secret with the connection: host, port, dbname, username, tls, and a password unless IAM is used'),
}
