import type { apiEnv } from '#core/api/api-env.ts'
import type { Env } from '#core/env.ts'
import type { Gate } from './api.ts'
import { createIdentify } from './authenticate.ts'
import { findApiKey } from './dynamodb/api-keys.ts'
import type { Table } from './dynamodb/table.ts'

/** The gate of a function whose routes need a key. */
export const openGate = (env: Env<typeof apiEnv>, table: Table): Gate => ({
  requestsPerSecond: env.REQUESTS_PER_SECOND,
  identify: createIdentify({ gatewayAuthenticates: env.GATEWAY_AUTHENTICATES, findKey: findApiKey(table) }),
})
