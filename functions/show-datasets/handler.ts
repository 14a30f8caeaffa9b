import * as routes from '#core/api/routes/datasets.ts'
import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { on, serve } from '#platform/api.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { spec } from './env.ts'
import { createListDatasets, createShowDataset } from './show-datasets.ts'

const env = readEnv(spec, process.env)

export const handler = serve(
  openGate(env, openTable(env.TABLE_NAME)),
  on(routes.listDatasets, createListDatasets(datasets)),
  on(routes.showDataset, createShowDataset(datasets)),
)
