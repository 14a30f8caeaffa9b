import * as routes from '#core/api/routes/loads.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { findLoad } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { spec } from './env.ts'
import { createShowLoad } from './show-load.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

export const handler = serve(openGate(env, table), on(routes.showLoad, createShowLoad({ findLoad: findLoad(table), now: Date.now })))
