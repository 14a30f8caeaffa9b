import { integer, string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads and chunks'),
  REJECTS_BUCKET: string('bucket of rejected rows'),
  DEAD_LETTERS_BUCKET: string('bucket of parked records, and of those that cannot be loaded'),
  PARKED_QUEUE_URL: string('queue of datasets whose records are parked'),
  DATABASE_SECRET_ARN: string('secret with the connection: host, port, dbname, username, tls, and a password unless IAM is used'),
  LEASE_SECONDS: integer('for how long a dataset is a drainer’s own, unless it says again that it is at work'),
  PATIENCE_SECONDS: integer('how long records that the table does not take stay parked before they are set aside, seconds'),
}
