import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes.ts'
import { on, serve } from '#platform/api.ts'
import { openBucket } from '#platform/bucket.ts'
import { openGate } from '#platform/gate.ts'
import { chunksOf } from '#platform/load-pages.ts'
import { findLoad, reopenFailed } from '#platform/loads.ts'
import { requestPlan } from '#platform/plan-queue.ts'
import { openTable } from '#platform/table.ts'
import { headObject } from '#platform/uploads.ts'
import { spec } from './env.ts'
import { createReplayLoad } from './replay-load.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

const replayLoad = createReplayLoad({
  findLoad: findLoad(table),
  chunksOf: chunksOf(table),
  headObject: headObject(openBucket(env.RAW_BUCKET)),
  reopenFailed: reopenFailed(table),
  requestPlan: requestPlan(env.PLAN_QUEUE_URL),
  now: Date.now,
})

export const handler = serve(openGate(env, table), on(routes.replayLoad, replayLoad))
