import { publicEnv } from '#core/api-env.ts'

export const spec = publicEnv
