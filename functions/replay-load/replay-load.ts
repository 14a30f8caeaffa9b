import type { Action } from '#core/call.ts'
import type { ReplayAnswer } from '#core/contract.ts'
import { RequestError } from '#core/errors.ts'
import { type ChunkResult, effectiveState, type Load, receiptOf } from '#core/load.ts'
import { permittedLoad } from '#core/permission.ts'
import type { LoadState } from '#core/receipt.ts'
import type * as routes from '#core/routes.ts'
import type { StoredObject } from '#core/upload.ts'

interface Deps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly chunksOf: (id: string, from: number) => AsyncIterable<ChunkResult>
  readonly headObject: (objectKey: string) => Promise<StoredObject | undefined>
  /** failed → loading. @returns the state that was there when another one was */
  readonly reopenFailed: (id: string) => Promise<LoadState | undefined>
  readonly requestPlan: (load: Load) => Promise<void>
  readonly now: () => number
}

/** Chunks named in one answer. */
const maxNamed = 100

/**
 * Loads an uploaded object again. What is committed stays committed: the ledger refuses a chunk that it has, so a replay
 * can only ever add what is missing, and asking twice changes nothing.
 */
export const createReplayLoad = (deps: Deps): Action<typeof routes.replayLoad> =>
  async function replayLoad({ identity, params, body }) {
    const load = permittedLoad(identity, await deps.findLoad(identity.tenant, params.load), params.load)
    const refusal = await refusalOf(load, deps)
    if (body.dryRun) {
      const json: ReplayAnswer = {
        loadId: load.id,
        state: effectiveState(load, deps.now()),
        would: refusal === undefined ? 'plan' : 'nothing',
        reason: refusal ?? 'The chunks that are not committed are loaded from the uploaded object; send {"dryRun": false} to do it',
        chunks: { planned: load.planned ?? null, committed: load.committed, ...(await missingChunks(load, deps)) },
      }
      return { status: 200, json }
    }
    if (refusal !== undefined) throw new RequestError('load-not-replayable', refusal)
    // First the state: plan-load works on loads that are loading. Should the message fail, the load can be replayed again.
    if (load.state === 'failed') await deps.reopenFailed(load.id)
    await deps.requestPlan(load)
    return { status: 202, json: receiptOf((await deps.findLoad(identity.tenant, load.id)) ?? load, deps.now()) }
  }

/** Why there is nothing to replay, or undefined. */
async function refusalOf(load: Load, { headObject, now }: Deps): Promise<string | undefined> {
  const state = effectiveState(load, now())
  if (state === 'complete') return 'The load is complete: every row is accounted for, and nothing is missing'
  if (state !== 'loading' && state !== 'failed') return `The load is ${state}: no object was uploaded that could be loaded`
  if (load.door !== 'file') return 'The load is a batch: there is no object of it that could be loaded again'
  const object = await headObject(load.objectKey)
  return object?.load === load.id ? undefined : 'The uploaded object is no longer kept; upload the file again'
}

async function missingChunks(load: Load, { chunksOf }: Deps): Promise<{ missing: number[]; missingCount: number | null }> {
  const missing: number[] = []
  let count = 0
  let next = 0
  const miss = (to: number) => {
    for (; next < to; next++) if (count++ < maxNamed) missing.push(next)
  }
  for await (const { chunk } of chunksOf(load.id, 0)) {
    miss(chunk)
    next = chunk + 1
  }
  if (load.planned !== undefined) miss(load.planned)
  return { missing, missingCount: load.planned === undefined ? null : count }
}
