import { integer, string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads and chunks'),
  RAW_BUCKET: string('bucket of uploaded objects'),
  REJECTS_BUCKET: string('bucket of rejected rows'),
  CHUNK_QUEUE_URL: string('SQS queue this function reads, and writes continuations to'),
  LEASE_SECONDS: integer('for how long a chunk is a loader’s own, unless it says again that it is at work'),
  DATABASE_PATIENCE_SECONDS: integer('for how long a load waits for a database that is away'),
  DATABASE_SECRET_ARN: string('secret with the connection: host, port, dbname, username, tls, and a password unless IAM is used'),
}
