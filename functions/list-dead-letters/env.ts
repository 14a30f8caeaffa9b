import { apiEnv } from '#core/api/api-env.ts'
import { string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  DEAD_LETTERS_BUCKET: string('bucket of what was set aside'),
}
