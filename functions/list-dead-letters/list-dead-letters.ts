import type { Action } from '#core/api/call.ts'
import type { Page } from '#core/api/contract.ts'
import { decodeCursor, encodeCursor } from '#core/api/cursor.ts'
import type { DeadLetterAnswer } from '#core/api/replay-contract.ts'
import type * as routes from '#core/api/routes/dead-letters.ts'
import type { DeadLetter } from '#core/batches/dead-letter.ts'
import type { Load } from '#core/loads/load.ts'
import { noSuchLoad } from '#core/loads/upload.ts'

interface Deps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  /** Letters whose chunks are not in the table, and where the next page begins. */
  readonly listLetters: (
    tenant: string,
    filter: { dataset?: string | undefined; load?: string | undefined },
    limit: number,
    after: string | undefined,
  ) => Promise<{ deadLetters: readonly DeadLetter[]; next: string | undefined }>
}

export const createListDeadLetters = ({ findLoad, listLetters }: Deps): Action<typeof routes.listDeadLetters> =>
  async function listDeadLetters({ identity, query: { dataset, load, limit, cursor } }) {
    if (load !== undefined && !(await findLoad(identity.tenant, load))) throw noSuchLoad(load)
    const scope = ['dead-letters', identity.tenant, dataset ?? '', load ?? '']
    const { deadLetters, next } = await listLetters(identity.tenant, { dataset, load }, limit, decodeCursor(scope, cursor))
    const json: Page<DeadLetterAnswer> = { items: deadLetters.map(answerOf), next: next === undefined ? null : encodeCursor(scope, next) }
    return { status: 200, json }
  }

const answerOf = ({
  load,
  dataset,
  chunk,
  reason,
  rows,
  bytes,
  arrivedAt,
  notedAt,
  sentAgainAt,
  object,
  record,
}: DeadLetter): DeadLetterAnswer => ({
  load,
  dataset,
  chunk,
  state: sentAgainAt === undefined ? 'dead' : 'sent-again',
  reason,
  rows,
  bytes,
  acceptedAt: arrivedAt,
  notedAt,
  sentAgainAt: sentAgainAt ?? null,
  kept: { object, record },
  links: { rows: `/v1/loads/${load}/dead-letters/${chunk}`, load: `/v1/loads/${load}` },
})
