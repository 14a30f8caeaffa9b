import type { Action } from '#core/api/call.ts'
import { etagOf, matchesEtag } from '#core/api/etag.ts'
import type * as routes from '#core/api/routes/loads.ts'
import { type Load, receiptOf } from '#core/loads/load.ts'
import { noSuchLoad } from '#core/loads/upload.ts'

interface Deps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly now: () => number
}

export const createShowLoad = ({ findLoad, now }: Deps): Action<typeof routes.showLoad> =>
  async function showLoad({ identity, params, header }) {
    const load = await findLoad(identity.tenant, params.load)
    if (!load) throw noSuchLoad(params.load)
    const body = JSON.stringify(receiptOf(load, now()))
    const etag = etagOf(body)
    const headers = { etag, 'cache-control': 'private, no-cache' }
    if (matchesEtag(header('if-none-match'), etag)) return { status: 304, headers }
    return { status: 200, text: { body, contentType: 'application/json' }, headers }
  }
