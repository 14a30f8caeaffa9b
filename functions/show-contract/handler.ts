import { openApiDocument } from '#core/api/openapi.ts'
import { routes } from '#core/api/routes/all.ts'
import { showContract } from '#core/api/routes/service.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { spec } from './env.ts'
import { createShowContract } from './show-contract.ts'

const env = readEnv(spec, process.env)

export const handler = serve({ requestsPerSecond: env.REQUESTS_PER_SECOND }, on(showContract, createShowContract(openApiDocument(routes))))
