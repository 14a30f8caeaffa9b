import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/datasets.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { openGate } from '#platform/gate.ts'
import { openTable } from '#platform/table.ts'
import { spec } from './env.ts'
import { createListDatasets, createShowDataset } from './show-datasets.ts'

const env = readEnv(spec, process.env)

export const handler = serve(
  openGate(env, openTable(env.TABLE_NAME)),
  on(routes.listDatasets, createListDatasets(datasets)),
  on(routes.showDataset, createShowDataset(datasets)),
)
