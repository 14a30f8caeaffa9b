import * as routes from '#core/api/routes/uploads.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { findLoad } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { listParts } from '#platform/s3/uploads.ts'
import { spec } from './env.ts'
import { createShowUpload } from './show-upload.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

const showUpload = createShowUpload({ findLoad: findLoad(table), listParts: listParts(openBucket(env.RAW_BUCKET)), now: Date.now })

export const handler = serve(openGate(env, table), on(routes.showUpload, showUpload))
