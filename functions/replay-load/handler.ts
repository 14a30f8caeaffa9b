import * as routes from '#core/api/routes/replays.ts'
import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { chunksOf } from '#platform/dynamodb/chunks.ts'
import { listLetters } from '#platform/dynamodb/dead-letter-pages.ts'
import { lettersOf, noteSentAgain } from '#platform/dynamodb/dead-letters.ts'
import { findLoad, insertLoad, reopenBatch, reopenFailed } from '#platform/dynamodb/loads.ts'
import { finishLoad } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { askOrder } from '#platform/order-check.ts'
import { requestPlan } from '#platform/plan-queue.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { readLetters } from '#platform/s3/dead-letter-objects.ts'
import { headObject } from '#platform/s3/uploads.ts'
import { openStream, sendRecords } from '#platform/stream.ts'
import { spec } from './env.ts'
import { createReplayLoad } from './replay-load.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

const replayLoad = createReplayLoad({
  datasets,
  findLoad: findLoad(table),
  insertLoad: insertLoad(table),
  chunksOf: chunksOf(table),
  headObject: headObject(openBucket(env.RAW_BUCKET)),
  reopenFailed: reopenFailed(table),
  requestPlan: requestPlan(env.PLAN_QUEUE_URL),
  lettersOf: lettersOf(table),
  listLetters: listLetters(table),
  readLetters: readLetters(openBucket(env.DEAD_LETTERS_BUCKET)),
  checkOrder: askOrder(env.CHECK_ORDER_FUNCTION),
  reopenBatch: reopenBatch(table),
  sendRecords: sendRecords(openStream(env.STREAM_NAME)),
  noteSentAgain: noteSentAgain(table),
  finishLoad: (id) => finishLoad(table, id),
  now: Date.now,
})

export const handler = serve(openGate(env, table), on(routes.replayLoad, replayLoad))
