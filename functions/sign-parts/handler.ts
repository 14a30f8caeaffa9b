import * as routes from '#core/api/routes/uploads.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { findLoad } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { signPart } from '#platform/s3/uploads.ts'
import { spec } from './env.ts'
import { createSignParts } from './sign-parts.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

const signParts = createSignParts({
  urlSeconds: env.URL_SECONDS,
  findLoad: findLoad(table),
  signPart: signPart(openBucket(env.RAW_BUCKET)),
  now: Date.now,
})

export const handler = serve(openGate(env, table), on(routes.signParts, signParts))
