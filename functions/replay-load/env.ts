import { apiEnv } from '#core/api/api-env.ts'
import { string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  RAW_BUCKET: string('bucket of uploaded objects'),
  DEAD_LETTERS_BUCKET: string('bucket of what was set aside'),
  PLAN_QUEUE_URL: string('SQS queue that plan-load reads'),
  STREAM_NAME: string('stream of batches'),
  CHECK_ORDER_FUNCTION: string('the function that sees the tables'),
}
