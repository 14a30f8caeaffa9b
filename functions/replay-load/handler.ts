import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/replays.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { openBucket } from '#platform/bucket.ts'
import { chunksOf } from '#platform/chunks.ts'
import { openGate } from '#platform/gate.ts'
import { readLetters } from '#platform/letter-objects.ts'
import { listLetters } from '#platform/letter-pages.ts'
import { lettersOf, noteSentAgain } from '#platform/letters.ts'
import { findLoad, insertLoad, reopenBatch, reopenFailed } from '#platform/loads.ts'
import { askOrder } from '#platform/order-check.ts'
import { requestPlan } from '#platform/plan-queue.ts'
import { finishLoad } from '#platform/projection.ts'
import { openStream, sendRecords } from '#platform/stream.ts'
import { openTable } from '#platform/table.ts'
import { headObject } from '#platform/uploads.ts'
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
