import type { Action, Answer } from '#core/call.ts'
import type { ReplayAnswer } from '#core/contract.ts'
import { RequestError } from '#core/errors.ts'
import { effectiveState, type Load, receiptOf } from '#core/load.ts'
import { permittedLoad } from '#core/permission.ts'
import type * as routes from '#core/routes.ts'
import type { NoReplay, ReplayPlan } from './plan.ts'
import { planBatch, type ReplayBatchDeps } from './replay-batch.ts'
import { planFile, type ReplayFileDeps } from './replay-file.ts'

interface Deps extends ReplayFileDeps, ReplayBatchDeps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly now: () => number
}

/**
 * Loads again what is missing. What is committed stays committed: the ledger refuses a chunk that it has, so a replay
 * can only ever add what is missing, and asking twice changes nothing.
 */
export const createReplayLoad = (deps: Deps): Action<typeof routes.replayLoad> =>
  async function replayLoad({ identity, params, body }) {
    const load = permittedLoad(identity, await deps.findLoad(identity.tenant, params.load), params.load)
    const plan = load.door === 'batch' ? await planBatch(load, deps) : await planFile(load, deps)
    if (body.dryRun) return shown(load, plan, deps.now())
    if (plan.would === 'nothing') throw new RequestError('load-not-replayable', plan.reason)
    if (!body.allowOlderRows) await demandOrder(plan)
    await plan.act(body.allowOlderRows)
    return { status: 202, json: receiptOf((await deps.findLoad(identity.tenant, load.id)) ?? load, deps.now()) }
  }

async function shown(load: Load, plan: ReplayPlan | NoReplay, now: number): Promise<Answer> {
  const order = plan.would === 'nothing' ? null : await plan.order()
  const { would, reason, chunks } = plan
  const json: ReplayAnswer = { loadId: load.id, state: effectiveState(load, now), would, reason, chunks, order }
  return { status: 200, json }
}

async function demandOrder(plan: ReplayPlan): Promise<void> {
  const { verdict, detail, older } = await plan.order()
  if (verdict !== 'older-rows') return
  throw new RequestError('older-rows', `${detail} Send "allowOlderRows": true to do it all the same`, {
    errors: older.map(({ chunk, rows, keys }) => ({ pointer: `/chunks/${chunk}`, detail: `${rows} rows, such as ${keys.join(', ')}` })),
  })
}
