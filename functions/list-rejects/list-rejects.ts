import type { Action } from '#core/api/call.ts'
import type { Page } from '#core/api/contract.ts'
import { decodeCursor, encodeCursor } from '#core/api/cursor.ts'
import type * as routes from '#core/api/routes/loads.ts'
import { RequestError } from '#core/errors.ts'
import { type Load, objectKey } from '#core/loads/load.ts'
import { finalStates } from '#core/loads/receipt.ts'
import { noSuchLoad } from '#core/loads/upload.ts'
import type { FixFile } from '#core/rejects/fix-file.ts'
import type { Reject } from '#core/rejects/reject.ts'
import { type FixDeps, fixFileFor } from './fix-file-for.ts'
import { beginning, type Position, type Step, type WalkDeps, walk } from './walk.ts'

interface Deps extends WalkDeps, FixDeps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly hasFile: (key: string) => Promise<boolean>
  /** Stores a text as it comes, in bounded memory. */
  readonly storeFile: (key: string, contentType: string, pieces: AsyncIterable<string>) => Promise<void>
  /** A presigned URL from which a browser saves the file by this name. */
  readonly fileUrl: (key: string, fileName: string) => Promise<string>
}

/** A Lambda answer holds 6 MB at most; a page ends before that, whatever its limit. */
const maxPageBytes = 4 * 1024 * 1024
/** Chunks without rejects passed over for one answer: about ten pages of a DynamoDB query. */
const maxIdleChunks = 20_000

export const createListRejects = (deps: Deps): Action<typeof routes.listRejects> =>
  async function listRejects({ identity, params, query, header }) {
    const load = await deps.findLoad(identity.tenant, params.load)
    if (!load) throw noSuchLoad(params.load)
    if (query.download === 'true') return { status: 303, headers: { location: await joinedFile(deps, load, query.as) } }
    if (query.as === 'original') throw fileOnly

    const scope = ['rejects', identity.tenant, load.id]
    const from = positionOf(decodeCursor(scope, query.cursor))
    const { rejects, next } = await page(walk(load, from, deps), query.limit)
    const cursor = next === undefined ? null : encodeCursor(scope, JSON.stringify([next.chunk, next.offset, next.before, next.part]))
    if (header('accept')?.includes('application/json')) {
      const json: Page<Reject> = { items: rejects, next: cursor }
      return { status: 200, json }
    }
    const link = `</v1/loads/${load.id}/rejects?limit=${query.limit}&cursor=${cursor}>; rel="next"`
    const body = rejects.map((reject) => `${JSON.stringify(reject)}\n`).join('')
    return { status: 200, text: { body, contentType: 'application/x-ndjson' }, ...(cursor !== null && { headers: { link } }) }
  }

async function page(steps: AsyncIterable<Step>, limit: number): Promise<{ rejects: Reject[]; next: Position | undefined }> {
  const rejects: Reject[] = []
  let bytes = 0
  let idle = 0
  for await (const { at, reject } of steps) {
    if (reject === undefined) {
      if (++idle > maxIdleChunks) return { rejects, next: at }
      continue
    }
    bytes += Buffer.byteLength(JSON.stringify(reject))
    if (rejects.length === limit || (rejects.length > 0 && bytes > maxPageBytes)) return { rejects, next: at }
    rejects.push(reject)
  }
  return { rejects, next: undefined }
}

function positionOf(text: string | undefined): Position {
  if (text === undefined) return beginning
  // Cursors of before know no parts.
  const [chunk, offset, before, part = 0] = JSON.parse(text) as [number, number, number | null, number?]
  return { chunk, part, offset, before }
}

/**
 * One file with all rejects. Its key says how much it covers, so a file of an earlier state of the load is never taken for
 * this one; while chunks are still committed it is made anew each time.
 */
async function joinedFile(deps: Deps, load: Load, as: 'ndjson' | 'original'): Promise<string> {
  const file = as === 'original' ? await fixFileFor(load, deps) : everything
  const extent = `${load.committed}-${load.rejected}`
  const key = `${objectKey(load)}/${as === 'original' ? 'fix' : 'all'}-${extent}.${file.extension}`
  const type = file.extension === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson'
  if (!finalStates.has(load.state) || !(await deps.hasFile(key)))
    await deps.storeFile(key, type, allLines(file, walk(load, beginning, deps)))
  return deps.fileUrl(key, `${load.id}-${as === 'original' ? 'fix' : 'rejects'}.${file.extension}`)
}

const everything: FixFile = { extension: 'ndjson', head: '', row: (reject) => `${JSON.stringify(reject)}\n` }
const fileOnly = new RequestError('invalid-request', 'The rows in their own format come as one file; add download=true', {
  errors: [{ pointer: '/query/as', detail: 'needs download=true' }],
})

async function* allLines({ head, row }: FixFile, steps: AsyncIterable<Step>): AsyncGenerator<string> {
  let held = head
  for await (const { reject } of steps) {
    if (reject) held += row(reject)
    // Fewer, larger pieces cost the upload less.
    if (held.length >= 64 * 1024) {
      yield held
      held = ''
    }
  }
  if (held !== '') yield held
}
