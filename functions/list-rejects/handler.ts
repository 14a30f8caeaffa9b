import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/loads.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { openBucket } from '#platform/bucket.ts'
import { chunksOf } from '#platform/chunks.ts'
import { openGate } from '#platform/gate.ts'
import { findLoad } from '#platform/loads.ts'
import { objectReader } from '#platform/objects.ts'
import { readTextHead } from '#platform/open-text.ts'
import { fileUrl, hasFile, readRejects, storeFile } from '#platform/rejects.ts'
import { openTable } from '#platform/table.ts'
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
