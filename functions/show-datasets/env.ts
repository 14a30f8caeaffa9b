import { apiEnv } from '#core/api-env.ts'

export const spec = apiEnv
