import { apiEnv } from '#core/api/api-env.ts'

export const spec = apiEnv
