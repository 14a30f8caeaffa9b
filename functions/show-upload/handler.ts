import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/uploads.ts'
import { on, serve } from '#platform/api.ts'
import { openBucket } from '#platform/bucket.ts'
import { openGate } from '#platform/gate.ts'
import { findLoad } from '#platform/loads.ts'
import { openTable } from '#platform/table.ts'
import { listParts } from '#platform/uploads.ts'
import { spec } from './env.ts'
import { createShowUpload } from './show-upload.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

const showUpload = createShowUpload({ findLoad: findLoad(table), listParts: listParts(openBucket(env.RAW_BUCKET)), now: Date.now })

export const handler = serve(openGate(env, table), on(routes.showUpload, showUpload))
