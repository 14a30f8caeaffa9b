import * as routes from '#core/api/routes/service.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { databaseSightings } from '#platform/dynamodb/breaker.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { askBucket, askDatabase, askQueue, askTable, invoking } from '#platform/health.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { askStream, openStream } from '#platform/stream.ts'
import { createShowLiveness, createShowReadiness } from './check-health.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)

const table = openTable(env.TABLE_NAME)

const showReadiness = createShowReadiness({
  table: askTable(table),
  database: askDatabase(databaseSightings(table).read, invoking(env.PROBE_DATABASE_FUNCTION)),
  uploads: askBucket(openBucket(env.RAW_BUCKET)),
  rejects: askBucket(openBucket(env.REJECTS_BUCKET)),
  stream: askStream(openStream(env.STREAM_NAME)),
  planQueue: askQueue(env.PLAN_QUEUE_URL),
})

export const handler = serve(
  { requestsPerSecond: env.REQUESTS_PER_SECOND },
  on(routes.showLiveness, createShowLiveness()),
  on(routes.showReadiness, showReadiness),
)
