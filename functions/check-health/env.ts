import { publicEnv } from '#core/api/api-env.ts'
import { string } from '#core/env.ts'

export const spec = {
  ...publicEnv,
  TABLE_NAME: string('the DynamoDB table of loads, chunks and API keys'),
  RAW_BUCKET: string('bucket of uploaded objects'),
  REJECTS_BUCKET: string('bucket of rejected rows'),
  STREAM_NAME: string('Kinesis stream of batches'),
  PROBE_DATABASE_FUNCTION: string('name of the function that looks whether the database answers'),
  PLAN_QUEUE_URL: string('SQS queue that plan-load reads'),
}
