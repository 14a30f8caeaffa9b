import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { type ChunkJob, type ChunkPlan, chunkMode, planChunks } from '#core/loads/chunk.ts'
import { type FileLoad, isPlanned, type Load, sourceOf } from '#core/loads/load.ts'
import type { PlanMessage } from '#core/loads/plan-message.ts'
import type { StoredObject } from '#core/loads/upload.ts'
import type { Compression, Encoding } from '#core/rows/encoding.ts'
import { magicBytes, settleCompression, settleFormat } from '#core/rows/sniff.ts'

/** What the function needs of the world. */
export interface PlanLoadDeps {
  readonly getLoad: (id: string) => Promise<Load | undefined>
  readonly findDataset: (name: string) => Dataset | undefined
  /** What is there under a key; undefined when nothing is. */
  readonly findObject: (key: string) => Promise<StoredObject | undefined>
  /** The first bytes of an object. */
  readonly sniff: (key: string, bytes: number) => Promise<Buffer>
  /** The first bytes of its text, inflated. */
  readonly sniffText: (load: FileLoad, compression: Compression) => Promise<Buffer>
  /** Fixes the plan and the encoding, unless there is a plan; the load as it then is. */
  readonly startLoad: (id: string, plan: ChunkPlan & Encoding) => Promise<Load | undefined>
  /** Opens a failed load again; the load as it then is. */
  readonly reopenLoad: (id: string) => Promise<Load | undefined>
  readonly failLoad: (id: string, error: LoadError) => Promise<void>
  readonly sendChunks: (jobs: Iterable<ChunkJob>, traceparent: string) => Promise<void>
  /** Keeps a note of an object that belongs to no load. */
  readonly noteOrphan: (key: string, reason: string) => Promise<void>
}

export type PlanLoad = (message: PlanMessage) => Promise<Load | undefined>

/**
 * Cuts an uploaded object into chunks. Everything here may happen twice: the first plan stands, and a chunk that is
 * queued again finds itself in the ledger.
 */
export function createPlanLoad(deps: PlanLoadDeps): PlanLoad {
  return async (message) => {
    if (message.kind === 'replay') return replay(deps, await deps.reopenLoad(message.load))
    const id = message.key.split('/').at(-1)!
    const load = await deps.getLoad(id)
    if (load?.door !== 'file' || load.objectKey !== message.key) return orphan(deps, message.key, unknownKey)
    const reason = orphanReason(load) ?? (await foreignReason(deps, id, message.key))
    return reason === undefined ? start(deps, load, message.size) : orphan(deps, message.key, reason)
  }
}

async function orphan({ noteOrphan }: PlanLoadDeps, key: string, reason: string): Promise<undefined> {
  await noteOrphan(key, reason)
  return undefined
}

const unknownKey = 'no load has this key: the object was not uploaded through the API'

function orphanReason(load: FileLoad): string | undefined {
  if (load.state === 'receiving' && load.uploadedCrc32 === undefined) return 'its upload was not completed through the API'
  if (load.state === 'aborted' || load.state === 'expired') return `its load is ${load.state}`
  return undefined
}

/** Someone may have put another object into the place of an upload: S3's event does not tell. */
async function foreignReason({ findObject }: PlanLoadDeps, id: string, key: string): Promise<string | undefined> {
  return (await findObject(key))?.load === id ? undefined : 'the object in its place was not uploaded through the API'
}

/** A load that has no plan yet is planned: the object of another one that is loaded once more, or one whose event was lost. */
async function replay(deps: PlanLoadDeps, load: Load | undefined): Promise<Load | undefined> {
  if (load?.door !== 'file' || load.state !== 'loading' || isPlanned(load)) return enqueue(deps, load)
  const object = await deps.findObject(load.objectKey)
  if (object?.load === sourceOf(load)) return start(deps, load, object.size)
  const fault = object
    ? new LoadError('object-changed', `The object ${load.objectKey} is not the one that was uploaded; upload the file again.`)
    : new LoadError('object-missing', `The uploaded object ${load.objectKey} is gone from the bucket; upload the file again.`)
  await deps.failLoad(load.id, fault)
  return load
}

async function start(deps: PlanLoadDeps, load: FileLoad, size: number): Promise<Load | undefined> {
  try {
    datasetOf(deps, load)
    if (size !== load.size)
      throw new LoadError('size-mismatch', `The object has ${size} bytes; ${load.size} were declared when the upload was opened.`)
    const compression = settleCompression(load, await deps.sniff(load.objectKey, magicBytes))
    const format = settleFormat(load, compression, await deps.sniffText(load, compression))
    const encoding = { format, compression }
    return await enqueue(deps, await deps.startLoad(load.id, { ...encoding, ...planChunks(encoding, size) }))
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    await deps.failLoad(load.id, error)
    return load
  }
}

async function enqueue(deps: PlanLoadDeps, load: Load | undefined): Promise<Load | undefined> {
  if (load?.state !== 'loading' || !isPlanned(load)) return load
  await deps.sendChunks(jobsOf(load, chunkMode(datasetOf(deps, load), load, load.planned)), load.traceparent)
  return load
}

function* jobsOf({ tenant, id: load, planned = 1 }: Load, mode: ChunkJob['mode']): Generator<ChunkJob> {
  const messages = mode === 'sequence' ? 1 : planned
  for (let chunk = 0; chunk < messages; chunk++) yield { tenant, load, chunk, mode }
}

function datasetOf(deps: PlanLoadDeps, load: Load): Dataset {
  const dataset = deps.findDataset(load.dataset)
  if (!dataset) throw new LoadError('dataset-not-found', `This deployment has no dataset "${load.dataset}" any more.`)
  return dataset
}
