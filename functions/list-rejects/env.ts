import { apiEnv } from '#core/api-env.ts'
import { string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  REJECTS_BUCKET: string('bucket of rejected rows'),
}
