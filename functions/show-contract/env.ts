import { publicEnv } from '#core/api/api-env.ts'

export const spec = publicEnv
