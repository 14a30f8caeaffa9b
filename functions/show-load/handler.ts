import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/loads.ts'
import { on, serve } from '#platform/api.ts'
import { openGate } from '#platform/gate.ts'
import { findLoad } from '#platform/loads.ts'
import { openTable } from '#platform/table.ts'
import { spec } from './env.ts'
import { createShowLoad } from './show-load.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

export const handler = serve(openGate(env, table), on(routes.showLoad, createShowLoad({ findLoad: findLoad(table), now: Date.now })))
