import type { Dataset } from '#core/dataset/dataset.ts'
import { RequestError } from '#core/errors.ts'
import type { FileLoad, Load } from '#core/loads/load.ts'
import { noSuchLoad } from '#core/loads/upload.ts'
import type { Identity } from './call.ts'

/** Whether a key may use a dataset. */
export const mayUse = (identity: Identity, dataset: string): boolean =>
  identity.datasets.includes('*') || identity.datasets.includes(dataset)

/**
 * The dataset of a request, if the key may use it. What datasets exist is no secret: the deployment publishes them.
 * @throws RequestError `dataset-not-found` or `dataset-forbidden`
 */
export function permittedDataset(datasets: ReadonlyMap<string, Dataset>, identity: Identity, name: string): Dataset {
  const dataset = datasets.get(name)
  if (!dataset) throw new RequestError('dataset-not-found', `There is no dataset "${name}"; GET /v1/datasets lists those there are`)
  if (!mayUse(identity, name)) throw forbidden(identity, name)
  return dataset
}

/**
 * The load of a request that changes it. To read receipts a key of the tenant is enough.
 * @throws RequestError `load-not-found` or `dataset-forbidden`
 */
export function permittedLoad(identity: Identity, load: Load | undefined, id: string): Load {
  if (!load) throw noSuchLoad(id)
  if (!mayUse(identity, load.dataset)) throw forbidden(identity, load.dataset)
  return load
}

/**
 * The load of a request about an upload: a batch has none.
 * @throws RequestError `load-not-found` or `dataset-forbidden`
 */
export function permittedUpload(identity: Identity, load: Load | undefined, id: string): FileLoad {
  const permitted = permittedLoad(identity, load, id)
  if (permitted.door !== 'file') throw noSuchLoad(id)
  return permitted
}

const forbidden = (identity: Identity, name: string): RequestError =>
  new RequestError('dataset-forbidden', `This key may use ${identity.datasets.join(', ')}; not "${name}"`)
