import type { Action, Answer, CallOf } from '#core/api/call.ts'
import { checkIdempotencyKey } from '#core/api/idempotency.ts'
import { permittedDataset, permittedLoad } from '#core/api/permission.ts'
import type { ReplayAnswer } from '#core/api/replay-contract.ts'
import type * as routes from '#core/api/routes/replays.ts'
import { RequestError } from '#core/errors.ts'
import { effectiveState, type Load, receiptOf } from '#core/loads/load.ts'
import { type LoadIntoDeps, planInto } from './load-into.ts'
import type { NoReplay, ReplayPlan } from './plan.ts'
import { planBatch, type ReplayBatchDeps } from './replay-batch.ts'
import { planFile } from './replay-file.ts'

type Deps = LoadIntoDeps & ReplayBatchDeps

/**
 * Loads again what is missing. What is committed stays committed: the ledger refuses a chunk that it has, so a replay
 * can only ever add what is missing, and asking twice changes nothing.
 */
export const createReplayLoad = (deps: Deps): Action<typeof routes.replayLoad> =>
  async function replayLoad(call) {
    const { identity, params, body, timeLeft } = call
    const load = permittedLoad(identity, await deps.findLoad(identity.tenant, params.load), params.load)
    const plan = await planOf(load, call, deps)
    if (body.dryRun) return shown(load, plan, deps.now())
    if (plan.would === 'nothing') throw new RequestError('load-not-replayable', plan.reason)
    if (!body.allowOlderRows) await demandOrder(plan)
    const watched = await plan.act(body.allowOlderRows, timeLeft)
    return { status: 202, json: receiptOf((await deps.findLoad(identity.tenant, watched)) ?? load, deps.now()) }
  }

async function planOf(load: Load, call: CallOf<typeof routes.replayLoad>, deps: Deps): Promise<ReplayPlan | NoReplay> {
  const { identity, body, header, traceparent } = call
  if (body.into === undefined) return load.door === 'batch' ? planBatch(load, deps) : planFile(load, deps)
  const dataset = permittedDataset(deps.datasets, identity, body.into)
  if (load.door === 'batch')
    throw new RequestError('load-not-replayable', 'A batch has no uploaded object that could be loaded into a dataset')
  return planInto(load, dataset, { key: checkIdempotencyKey(header('idempotency-key')), traceparent }, deps)
}

async function shown(load: Load, plan: ReplayPlan | NoReplay, now: number): Promise<Answer> {
  const order = plan.would === 'nothing' ? null : await plan.order()
  const { would, reason, into, chunks } = plan
  const json: ReplayAnswer = { loadId: load.id, state: effectiveState(load, now), would, reason, into, chunks, order }
  return { status: 200, json }
}

async function demandOrder(plan: ReplayPlan): Promise<void> {
  const { verdict, detail, older } = await plan.order()
  if (verdict !== 'older-rows') return
  throw new RequestError('older-rows', `${detail} Send "allowOlderRows": true to do it all the same`, {
    errors: older.map(({ chunk, rows, keys }) => ({ pointer: `/chunks/${chunk}`, detail: `${rows} rows, such as ${keys.join(', ')}` })),
  })
}
