import { createHash } from 'node:crypto'
import { RequestError } from '#core/errors.ts'

/** 1 to 255 printable ASCII characters, as the header may carry them. */
const shape = /^[\x20-\x7e]{1,255}$/

/** @throws RequestError `idempotency-key-invalid` */
export function checkIdempotencyKey(key: string | undefined): string | undefined {
  if (key === undefined || shape.test(key)) return key
  throw new RequestError('idempotency-key-invalid', 'Idempotency-Key must be 1 to 255 printable ASCII characters')
}

/** A hash of what was asked for: the same however the client ordered the members of its JSON. */
export function fingerprintOf(request: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(request).filter(([, value]) => value !== undefined)
  return createHash('sha256')
    .update(JSON.stringify(members.sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
}
