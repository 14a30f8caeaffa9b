import { integer, string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads and chunks'),
  REJECTS_BUCKET: string('bucket of rejected rows'),
  DEAD_LETTERS_BUCKET: string('bucket of parked records, and of those that cannot be loaded'),
  PARKED_QUEUE_URL: string('queue of datasets whose records are parked'),
  DATABASE_SECRET_ARN: string('secret with the connection: host, port, dbname, username, tls, and a password unless IAM is used'),
  PATIENCE_SECONDS: integer('how long records stay parked before they are set aside, seconds'),
}
