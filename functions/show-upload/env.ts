import { apiEnv } from '#core/api/api-env.ts'
import { string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  RAW_BUCKET: string('bucket of uploaded objects'),
}
