import { readEnv } from '#core/env.ts'
import { databaseBreaker, databaseSightings } from '#platform/dynamodb/breaker.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { connector } from '#platform/postgres/database.ts'
import { spec } from './env.ts'
import { createProbeDatabase } from './probe-database.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

/** Invoked by check-health, which is outside the VPC. */
export const handler = createProbeDatabase(connector(env.DATABASE_SECRET_ARN), databaseBreaker(table), databaseSightings(table))
