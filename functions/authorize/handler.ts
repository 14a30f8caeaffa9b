import { readEnv } from '#core/env.ts'
import { createAuthenticate, toAuthorizerContext } from '#platform/authenticate.ts'
import { findApiKey } from '#platform/dynamodb/api-keys.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { createAuthorize } from './authorize.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)

export const handler = createAuthorize({
  authenticate: createAuthenticate(findApiKey(openTable(env.TABLE_NAME))),
  toContext: toAuthorizerContext,
})
