import { readEnv } from '#core/env.ts'
import { openApiDocument } from '#core/openapi.ts'
import * as routes from '#core/routes.ts'
import { on, serve } from '#platform/api.ts'
import { spec } from './env.ts'
import { createShowContract } from './show-contract.ts'

const env = readEnv(spec, process.env)

export const handler = serve(
  { requestsPerSecond: env.REQUESTS_PER_SECOND },
  on(routes.showContract, createShowContract(openApiDocument(routes.routes))),
)
