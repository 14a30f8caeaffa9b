import * as routes from '#core/api/routes/uploads.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { findLoad, markAborted } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { dropUpload, headObject } from '#platform/s3/uploads.ts'
import { createAbortUpload } from './abort-upload.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)
const raw = openBucket(env.RAW_BUCKET)

const abortUpload = createAbortUpload({
  findLoad: findLoad(table),
  dropUpload: dropUpload(raw),
  headObject: headObject(raw),
  markAborted: markAborted(table),
  now: Date.now,
})

export const handler = serve(openGate(env, table), on(routes.abortUpload, abortUpload))
