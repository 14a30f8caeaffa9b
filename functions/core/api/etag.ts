import { createHash } from 'node:crypto'

/** A strong validator (RFC 9110, 8.8.3): equal exactly when the bytes are. */
export const etagOf = (body: string): string => `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`

/** Whether an If-None-Match header names the tag. The comparison is the weak one, as RFC 9110, 13.1.2 demands. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return [...ifNoneMatch.matchAll(/(?:W\/)?("[^"]*")/g)].some(([, tag]) => tag === etag)
}
