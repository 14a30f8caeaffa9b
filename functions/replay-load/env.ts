import { apiEnv } from '#core/api-env.ts'
import { string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  RAW_BUCKET: string('bucket of uploaded objects'),
  PLAN_QUEUE_URL: string('SQS queue that plan-load reads'),
}
