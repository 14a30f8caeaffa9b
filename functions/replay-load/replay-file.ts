import type { ReplayOrder } from '#core/api/replay-contract.ts'
import { type OrderAnswer, type OrderQuestion, orderMatters } from '#core/batches/order.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { type ChunkResult, effectiveState, type FileLoad, sourceOf } from '#core/loads/load.ts'
import type { LoadState } from '#core/loads/receipt.ts'
import type { StoredObject } from '#core/loads/upload.ts'
import { missingChunks } from './missing-chunks.ts'
import type { NoReplay, ReplayPlan } from './plan.ts'

export interface ReplayFileDeps {
  readonly datasets: ReadonlyMap<string, Dataset>
  readonly chunksOf: (id: string, from: number) => AsyncIterable<ChunkResult>
  readonly headObject: (objectKey: string) => Promise<StoredObject | undefined>
  /** failed → loading. @returns the state that was there when another one was */
  readonly reopenFailed: (id: string) => Promise<LoadState | undefined>
  readonly requestPlan: (load: FileLoad) => Promise<void>
  readonly checkOrder: (question: OrderQuestion) => Promise<OrderAnswer>
  readonly now: () => number
}

/** An uploaded object is planned again; chunks that are committed find themselves in the ledger. */
export async function planFile(load: FileLoad, deps: ReplayFileDeps): Promise<ReplayPlan | NoReplay> {
  const { missing, missingCount } = await missingChunks(load, deps)
  const chunks = { planned: load.planned ?? null, committed: load.committed, missing, missingCount, dead: [], deadCount: 0 }
  const refusal = await refusalOf(load, deps)
  if (refusal !== undefined) return { would: 'nothing', reason: refusal, chunks, into: null }
  return {
    would: 'plan',
    reason: 'The chunks that are not committed are loaded from the uploaded object; send {"dryRun": false} to do it',
    chunks,
    into: null,
    order: () => orderOf(deps.datasets.get(load.dataset), load, deps),
    act: async () => {
      // First the state: plan-load works on loads that are loading. Should the message fail, the load can be replayed again.
      if (load.state === 'failed') await deps.reopenFailed(load.id)
      await deps.requestPlan(load)
      return load.id
    },
  }
}

/** Why there is nothing to replay, or undefined. */
async function refusalOf(load: FileLoad, deps: ReplayFileDeps): Promise<string | undefined> {
  const state = effectiveState(load, deps.now())
  if (state === 'complete') return 'The load is complete: every row is accounted for, and nothing is missing'
  if (state !== 'loading' && state !== 'failed') return `The load is ${state}: no object was uploaded that could be loaded`
  return (await objectIsKept(load, deps)) ? undefined : 'The uploaded object is no longer kept; upload the file again'
}

/** Somebody may have put another object into its place. */
export async function objectIsKept(load: FileLoad, { headObject }: Pick<ReplayFileDeps, 'headObject'>): Promise<boolean> {
  return (await headObject(load.objectKey))?.load === sourceOf(load)
}

/** The rows of a file are not looked at one by one: that anything came after it is enough. */
export async function orderOf(
  dataset: Dataset | undefined,
  { id, createdAt }: FileLoad,
  { checkOrder }: Pick<ReplayFileDeps, 'checkOrder'>,
): Promise<ReplayOrder> {
  if (!dataset || !orderMatters(dataset)) return { verdict: 'harmless', detail: harmless(dataset), older: [], first: [] }
  const { newer } = await checkOrder({ kind: 'since', dataset: dataset.name, load: id, since: createdAt })
  return newer
    ? {
        verdict: 'older-rows',
        detail: 'Other loads were committed since the upload was opened: rows of the file may take the place of theirs.',
        older: [],
        first: [],
      }
    : { verdict: 'safe', detail: 'Nothing else was committed since the upload was opened.', older: [], first: [] }
}

/** Why a dataset takes rows in any order. */
export const harmless = (dataset: Dataset | undefined): string =>
  dataset?.version === undefined
    ? 'A row whose key is there changes nothing: rows may come in any order.'
    : `Of two rows the one with the greater "${dataset.version}" stays: rows may come in any order.`
