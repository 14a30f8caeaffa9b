import { createHash, randomBytes } from 'node:crypto'

/** An API key as it is stored: never the key itself, only what may be done with it. */
export interface ApiKey {
  readonly tenant: string
  /** Datasets it may write to; `*` stands for all. Receipts of the tenant it may read whatever they are of. */
  readonly datasets: readonly string[]
  readonly name?: string
  readonly disabled?: boolean
  readonly createdAt: string
}

const shape = /^mr_[A-Za-z0-9_-]{43}$/

/** A new key: 256 random bits behind a prefix that secret scanners and people can know it by. */
export const makeApiKey = (): string => `mr_${randomBytes(32).toString('base64url')}`

/** What is stored of a key. Plain SHA-256 is enough: the key is 256 random bits, which nobody can guess. */
export const hashApiKey = (key: string): string => createHash('sha256').update(key).digest('hex')

/** The key in an `Authorization: Bearer …` header, or undefined when there is none that could be one. */
export function keyFromAuthorization(header: string | undefined): string | undefined {
  const [scheme, key, ...rest] = (header ?? '').trim().split(/ +/)
  return scheme?.toLowerCase() === 'bearer' && key !== undefined && rest.length === 0 && shape.test(key) ? key : undefined
}

/** Tenants are part of object keys and log lines, so they are kept plain. */
export const tenantPattern = /^[a-z0-9][a-z0-9-]{0,47}$/
