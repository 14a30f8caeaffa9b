import { createHash, randomBytes } from 'node:crypto'

/** Crockford's base32, lower case: no i, l, o or u, so an id survives being read aloud. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const length = 26
const shape = /^ld_[0-9a-hjkmnp-tv-z]{26}$/

/** 26 characters of 5 bits: the first 130 bits of `bytes`. */
function encode(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5 && text.length < length) {
      bits -= 5
      text += alphabet[(held >>> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return `ld_${text}`
}

export const randomLoadId = (): string => encode(randomBytes(17))

/** The id that a tenant's Idempotency-Key always leads to: a retry can only ever build the same load and the same chunks. */
export function loadIdFor(tenant: string, dataset: string, idempotencyKey: string): string {
  return encode(
    createHash('sha256')
      .update(JSON.stringify([tenant, dataset, idempotencyKey]))
      .digest(),
  )
}

export const isLoadId = (text: string): boolean => shape.test(text)
