import type { Action } from '#core/api/call.ts'
import type { DatasetAnswer } from '#core/api/contract.ts'
import { mayUse, permittedDataset } from '#core/api/permission.ts'
import type * as routes from '#core/api/routes/datasets.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { jsonSchema } from '#core/dataset/json-schema.ts'

type Datasets = ReadonlyMap<string, Dataset>

export const createListDatasets = (datasets: Datasets): Action<typeof routes.listDatasets> =>
  async function listDatasets({ identity }) {
    const items = [...datasets.values()].filter(({ name }) => mayUse(identity, name)).map(answerOf)
    return { status: 200, json: { items, next: null } }
  }

export const createShowDataset = (datasets: Datasets): Action<typeof routes.showDataset> =>
  async function showDataset({ identity, params }) {
    return { status: 200, json: answerOf(permittedDataset(datasets, identity, params.dataset)) }
  }

const answerOf = (dataset: Dataset): DatasetAnswer => ({
  name: dataset.name,
  description: dataset.description,
  primaryKey: dataset.primaryKey,
  onConflict: dataset.onConflict,
  orderingKey: dataset.orderingKey ?? null,
  version: dataset.version ?? null,
  limits: dataset.limits,
  schema: jsonSchema(dataset),
})
