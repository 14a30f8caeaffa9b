import { type Identity, mayUse } from './call.ts'
import type { Dataset } from './dataset.ts'
import { RequestError } from './errors.ts'
import type { Load } from './load.ts'
import { noSuchLoad } from './upload.ts'

/**
 * The dataset of a request, if the key may use it. What datasets exist is no secret: the deployment publishes them.
 * @throws RequestError `dataset-not-found` or `dataset-forbidden`
 */
export function permittedDataset(datasets: ReadonlyMap<string, Dataset>, identity: Identity, name: string): Dataset {
  const dataset = datasets.get(name)
  if (!dataset) throw new RequestError('dataset-not-found', `There is no dataset "${name}"; GET /v1/datasets lists those there are`)
  if (!mayUse(identity, name))
    throw new RequestError('dataset-forbidden', `This key may use ${identity.datasets.join(', ')}; not "${name}"`)
  return dataset
}
