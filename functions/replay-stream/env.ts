import { apiEnv } from '#core/api/api-env.ts'
import { string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  STREAM_NAME: string('Kinesis stream of batches'),
}
