import type { Action } from '#core/api/call.ts'
import type * as routes from '#core/api/routes/dead-letters.ts'
import { type DeadLetter, recordIn, type StoredLetters } from '#core/batches/dead-letter.ts'
import { decodeEnvelope, type Envelope } from '#core/batches/envelope.ts'
import { LoadError, RequestError } from '#core/errors.ts'
import type { Load } from '#core/loads/load.ts'
import { noSuchLoad } from '#core/loads/upload.ts'

interface Deps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly findLetter: (load: string, chunk: number) => Promise<DeadLetter | undefined>
  readonly readLetters: (key: string) => Promise<StoredLetters | undefined>
}

export const createShowDeadLetter = ({ findLoad, findLetter, readLetters }: Deps): Action<typeof routes.showDeadLetter> =>
  async function showDeadLetter({ identity, params }) {
    if (!(await findLoad(identity.tenant, params.load))) throw noSuchLoad(params.load)
    const deadLetter = /^\d{1,7}$/.test(params.chunk) ? await findLetter(params.load, Number(params.chunk)) : undefined
    if (!deadLetter)
      throw new RequestError('dead-letter-not-found', `Nothing was set aside of chunk ${params.chunk} of load ${params.load}`)
    const object = await readLetters(deadLetter.object)
    const record = object && recordIn(object, deadLetter)
    if (!record) throw new RequestError('dead-letter-expired', `${deadLetter.object} is no longer kept; the receipt keeps its counts`)
    const { header, text } = decoded(record.data)
    const contentType = header.format === 'csv' ? 'text/csv; charset=utf-8; header=absent' : 'application/x-ndjson'
    return { status: 200, text: { body: text.toString('utf8'), contentType } }
  }

function decoded(data: Buffer): Envelope {
  try {
    return decodeEnvelope(data)
  } catch (error) {
    if (error instanceof LoadError) throw new RequestError(error.problem.code, error.problem.detail, { cause: error })
    throw error
  }
}
