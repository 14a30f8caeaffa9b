import { apiEnv } from '#core/api/api-env.ts'
import { integer, string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  RAW_BUCKET: string('bucket of uploaded objects'),
  UPLOAD_HOURS: integer('how long an upload stays open, hours'),
}
