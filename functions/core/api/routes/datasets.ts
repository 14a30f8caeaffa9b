import * as answers from '#core/api/answers.ts'
import { route } from '#core/api/route.ts'

export const listDatasets = route({
  id: 'listDatasets',
  method: 'GET',
  path: '/v1/datasets',
  access: 'key',
  summary: 'What this key can send',
  answers: { 200: { doc: 'The datasets', schema: answers.datasetPage } },
  problems: [],
})

export const showDataset = route({
  id: 'showDataset',
  method: 'GET',
  path: '/v1/datasets/{dataset}',
  access: 'key',
  summary: 'One dataset: JSON Schema of a row, keys, conflict policy, limits',
  answers: { 200: { doc: 'The dataset', schema: answers.datasetAnswer } },
  problems: ['dataset-not-found', 'dataset-forbidden'],
})
