import { createHash } from 'node:crypto'
import { RequestError } from '#core/errors.ts'

/**
 * Where the next page begins, as an opaque text. A cursor is bound to the question it answers (tenant and filters): with
 * another one it is refused, so that a page can never silently continue somewhere else. It grants nothing: the reader
 * still asks only for the caller's own items.
 */
export function encodeCursor(scope: readonly string[], position: string): string {
  return Buffer.from(JSON.stringify([tagOf(scope), position])).toString('base64url')
}

/**
 * The position in a cursor; undefined for the first page.
 * @throws RequestError when it is not a cursor of this scope
 */
export function decodeCursor(scope: readonly string[], cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const position = positionIn(scope, cursor)
  if (position !== undefined) return position
  const errors = [{ pointer: '/query/cursor', detail: 'is not a cursor that this list gave for these filters' }]
  throw new RequestError('invalid-request', 'The cursor is not one of this list; begin again without it', { errors })
}

function positionIn(scope: readonly string[], cursor: string): string | undefined {
  if (!/^[A-Za-z0-9_-]{1,1024}$/.test(cursor)) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed) || parsed.length !== 2) return undefined
  const [tag, position] = parsed
  return tag === tagOf(scope) && typeof position === 'string' ? position : undefined
}

const tagOf = (scope: readonly string[]): string => createHash('sha256').update(JSON.stringify(scope)).digest('base64url').slice(0, 12)
