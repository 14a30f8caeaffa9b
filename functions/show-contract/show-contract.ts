import type { Action } from '#core/api/call.ts'
import type * as routes from '#core/api/routes/service.ts'

export const createShowContract = (document: object): Action<typeof routes.showContract> => {
  const body = JSON.stringify(document)
  return async function showContract() {
    return { status: 200, text: { body, contentType: 'application/json' }, headers: { 'cache-control': 'public, max-age=300' } }
  }
}
