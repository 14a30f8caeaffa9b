import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/uploads.ts'
import { on, serve } from '#platform/api.ts'
import { openBucket } from '#platform/bucket.ts'
import { openGate } from '#platform/gate.ts'
import { findLoad, noteUploadedCrc32, startLoading } from '#platform/loads.ts'
import { openTable } from '#platform/table.ts'
import { headObject, joinParts, listParts } from '#platform/uploads.ts'
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
