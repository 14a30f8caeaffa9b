import { setTimeout as sleep } from 'node:timers/promises'
import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/batches.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { storeRefused } from '#platform/batch-rejects.ts'
import { acceptBatch, releaseBatch, takeBatch } from '#platform/batches.ts'
import { openBucket } from '#platform/bucket.ts'
import { openGate } from '#platform/gate.ts'
import { inflatedBody } from '#platform/inflate.ts'
import { findLoad, insertLoad } from '#platform/loads.ts'
import { openStream, sendRecords } from '#platform/stream.ts'
import { openTable } from '#platform/table.ts'
import { spec } from './env.ts'
import { createSubmitBatch } from './submit-batch.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

const submitBatch = createSubmitBatch({
  datasets,
  lanes: env.STREAM_LANES,
  inflate: inflatedBody,
  insertLoad: insertLoad(table),
  takeBatch: takeBatch(table),
  releaseBatch: releaseBatch(table),
  acceptBatch: acceptBatch(table),
  storeRefused: storeRefused(openBucket(env.REJECTS_BUCKET)),
  sendRecords: sendRecords(openStream(env.STREAM_NAME)),
  findLoad: findLoad(table),
  now: Date.now,
  sleep,
})

export const handler = serve(openGate(env, table), on(routes.submitBatch, submitBatch))
