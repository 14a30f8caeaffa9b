import { setTimeout as sleep } from 'node:timers/promises'
import * as routes from '#core/api/routes/batches.ts'
import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { acceptBatch, releaseBatch, takeBatch } from '#platform/dynamodb/batches.ts'
import { findLoad, insertLoad } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { storeRefused } from '#platform/s3/batch-rejects.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { inflatedBody } from '#platform/s3/inflate.ts'
import { openStream, sendRecords } from '#platform/stream.ts'
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
