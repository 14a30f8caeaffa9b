import * as routes from '#core/api/routes/uploads.ts'
import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { findLoad, insertLoad, noteFix } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { createUpload, dropUpload } from '#platform/s3/uploads.ts'
import { spec } from './env.ts'
import { createOpenUpload } from './open-upload.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)
const raw = openBucket(env.RAW_BUCKET)

const openUpload = createOpenUpload({
  datasets,
  uploadHours: env.UPLOAD_HOURS,
  findLoad: findLoad(table),
  insertLoad: insertLoad(table),
  noteFix: noteFix(table),
  createUpload: createUpload(raw),
  dropUpload: dropUpload(raw),
  now: Date.now,
})

export const handler = serve(openGate(env, table), on(routes.openUpload, openUpload))
