import { fingerprintOf } from '#core/api/idempotency.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { RequestError } from '#core/errors.ts'
import { begun, type FileLoad, type Load, sourceOf } from '#core/loads/load.ts'
import { loadIdFor } from '#core/loads/load-id.ts'
import type { NoReplay, ReplayPlan } from './plan.ts'
import { objectIsKept, orderOf, planFile, type ReplayFileDeps } from './replay-file.ts'

export interface LoadIntoDeps extends ReplayFileDeps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  /** @returns the load that has the id already, when another request was first */
  readonly insertLoad: (load: Load) => Promise<Load | undefined>
}
/** What the request says besides the load. */
interface Asked {
  readonly key: string | undefined
  readonly traceparent: string
}

/**
 * Loads the object of a load once more, as a load of its own: into another dataset, or into the same one. Its id follows from the object and the
 * dataset (or from an Idempotency-Key), so that the same request again finds it, and then replays it.
 */
export async function planInto(load: FileLoad, dataset: Dataset, asked: Asked, deps: LoadIntoDeps): Promise<ReplayPlan | NoReplay> {
  const source = sourceOf(load)
  const id = loadIdFor(load.tenant, dataset.name, asked.key ?? `replay of ${source}`)
  const into = { dataset: dataset.name, load: id }
  const fingerprint = fingerprintOf({ source, dataset: dataset.name })
  const earlier = await deps.findLoad(load.tenant, id)
  if (earlier?.door === 'file' && earlier.fingerprint === fingerprint) return { ...(await planFile(earlier, deps)), into }
  if (earlier) throw new RequestError('idempotency-key-reused', `The key belongs to load ${id}, opened with another request; use a new key`)

  const chunks = { planned: null, committed: 0, missing: [], missingCount: null, dead: [], deadCount: 0 }
  if (load.uploadedCrc32 === undefined || load.state === 'receiving' || !(await objectIsKept(load, deps)))
    return { would: 'nothing', reason: 'There is no uploaded object that could be loaded; upload the file', chunks, into }
  const most = dataset.limits.fileBytes
  if (load.size > most)
    throw new RequestError('file-too-large', `The file has ${load.size} bytes, and dataset ${dataset.name} takes ${most}`)
  return {
    would: 'plan',
    reason: `The uploaded object is loaded into ${dataset.name}, as load ${id}; send {"dryRun": false} to do it`,
    chunks,
    into,
    order: () => orderOf(dataset, load, deps),
    act: async () => {
      const fresh = again(load, { id, dataset, fingerprint, traceparent: asked.traceparent, now: deps.now() })
      const winner = await deps.insertLoad(fresh)
      await deps.requestPlan(winner?.door === 'file' ? winner : fresh)
      return id
    },
  }
}

interface Fresh {
  readonly id: string
  readonly dataset: Dataset
  readonly fingerprint: string
  readonly traceparent: string
  readonly now: number
}
/** A load of the same bytes that has not begun. What was declared of them, and what was found out, still holds. */
function again(load: FileLoad, { id, dataset, fingerprint, traceparent, now }: Fresh): FileLoad {
  const { tenant, fileName, format, compression, csv, size, partSize, partCount, uploadId, objectKey, expectedRows, uploadedCrc32 } = load
  const maxRejects = dataset.name === load.dataset ? load.maxRejects : dataset.limits.maxRejects
  return {
    ...{ id, tenant, dataset: dataset.name, door: 'file', state: 'loading', source: sourceOf(load) },
    ...{ fileName, format, compression, size, partSize, partCount, uploadId, objectKey },
    ...(csv !== undefined && { csv }),
    ...(expectedRows !== undefined && { expectedRows }),
    ...(uploadedCrc32 !== undefined && { uploadedCrc32 }),
    ...(maxRejects !== undefined && { maxRejects }),
    ...{ fingerprint, traceparent },
    ...begun(now),
    expiresAt: new Date(now).toISOString(),
  }
}
