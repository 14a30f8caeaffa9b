import type { Action } from '#core/api/call.ts'
import type { Page } from '#core/api/contract.ts'
import { decodeCursor, encodeCursor } from '#core/api/cursor.ts'
import type * as routes from '#core/api/routes/loads.ts'
import { type Load, receiptOf } from '#core/loads/load.ts'
import type { LoadState, Receipt } from '#core/loads/receipt.ts'

interface Deps {
  readonly listLoads: (
    tenant: string,
    filter: { dataset?: string | undefined; state?: LoadState | undefined },
    limit: number,
    after: string | undefined,
  ) => Promise<{ loads: readonly Load[]; next: string | undefined }>
  readonly now: () => number
}

export const createListLoads = ({ listLoads, now }: Deps): Action<typeof routes.listLoads> =>
  async function showLoads({ identity, query: { dataset, state, limit, cursor } }) {
    const scope = ['loads', identity.tenant, dataset ?? '', state ?? '']
    const { loads, next } = await listLoads(identity.tenant, { dataset, state }, limit, decodeCursor(scope, cursor))
    const at = now()
    const json: Page<Receipt> = {
      items: loads.map((load) => receiptOf(load, at)),
      next: next === undefined ? null : encodeCursor(scope, next),
    }
    return { status: 200, json }
  }
