import { readEnv } from '#core/env.ts'
import { findApiKey } from '#platform/api-keys.ts'
import { createAuthenticate, toAuthorizerContext } from '#platform/authenticate.ts'
import { openTable } from '#platform/table.ts'
import { createAuthorize } from './authorize.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)

export const handler = createAuthorize({
  authenticate: createAuthenticate(findApiKey(openTable(env.TABLE_NAME))),
  toContext: toAuthorizerContext,
})
