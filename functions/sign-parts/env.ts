import { apiEnv } from '#core/api/api-env.ts'
import { integer, string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  RAW_BUCKET: string('bucket of uploaded objects'),
  URL_SECONDS: integer('life of a presigned part URL, seconds'),
}
