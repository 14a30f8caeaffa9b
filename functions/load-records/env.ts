import { string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads and chunks'),
  REJECTS_BUCKET: string('bucket of rejected rows'),
  DEAD_LETTERS_BUCKET: string('bucket for records that cannot be loaded, whole'),
  PARKED_QUEUE_URL: string('queue of datasets whose records are parked'),
  DATABASE_SECRET_ARN: string('secret with the connection: host, port, dbname, username, tls, and a password unless IAM is used'),
}
