import * as routes from '#core/api/routes/loads.ts'
import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { chunksOf } from '#platform/dynamodb/chunks.ts'
import { findLoad } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { objectReader } from '#platform/s3/objects.ts'
import { readTextHead } from '#platform/s3/open-text.ts'
import { fileUrl, hasFile, readRejects, storeFile } from '#platform/s3/rejects.ts'
import { spec } from './env.ts'
import { createListRejects } from './list-rejects.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)
const rejects = openBucket(env.REJECTS_BUCKET)
const readRaw = objectReader(rejects.client, env.RAW_BUCKET)

const listRejects = createListRejects({
  findLoad: findLoad(table),
  chunksOf: chunksOf(table),
  readRejects: readRejects(rejects),
  hasFile: hasFile(rejects),
  storeFile: storeFile(rejects),
  fileUrl: fileUrl(rejects),
  findDataset: (name) => datasets.get(name),
  textHead: (load) => readTextHead(readRaw, load, load.compression),
})

export const handler = serve(openGate(env, table), on(routes.listRejects, listRejects))
