import * as routes from '#core/api/routes/loads.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { listLoads } from '#platform/dynamodb/load-pages.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { spec } from './env.ts'
import { createListLoads } from './list-loads.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

export const handler = serve(openGate(env, table), on(routes.listLoads, createListLoads({ listLoads: listLoads(table), now: Date.now })))
