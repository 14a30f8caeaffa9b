import * as routes from '#core/api/routes/replays.ts'
import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { chunkStates } from '#platform/dynamodb/chunk-states.ts'
import { findLoad, reopenBatch } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openStream, sendRecords } from '#platform/stream.ts'
import { readStreamRange } from '#platform/stream-range.ts'
import { spec } from './env.ts'
import { createReplayStream } from './replay-stream.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)
const stream = openStream(env.STREAM_NAME)

const replayStream = createReplayStream({
  datasets,
  readStreamRange: readStreamRange(stream),
  statesOf: chunkStates(table),
  findLoad: findLoad(table),
  reopenBatch: reopenBatch(table),
  sendRecords: sendRecords(stream),
  now: Date.now,
})

export const handler = serve(openGate(env, table), on(routes.replayStream, replayStream))
