import * as routes from '#core/api/routes/uploads.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { findLoad, noteUploadedCrc32, startLoading } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { headObject, joinParts, listParts } from '#platform/s3/uploads.ts'
import { createCompleteUpload } from './complete-upload.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)
const raw = openBucket(env.RAW_BUCKET)

const completeUpload = createCompleteUpload({
  findLoad: findLoad(table),
  listParts: listParts(raw),
  noteUploadedCrc32: noteUploadedCrc32(table),
  startLoading: startLoading(table),
  joinParts: joinParts(raw),
  headObject: headObject(raw),
  now: Date.now,
})

export const handler = serve(openGate(env, table), on(routes.completeUpload, completeUpload))
