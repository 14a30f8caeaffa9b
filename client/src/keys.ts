import type { OpenUploadBody } from '../../functions/core/api/contract.ts'
import { type Content, sha256 } from './content.ts'

/**
 * The Idempotency-Key of a content: the same bytes, sent to the same dataset in the same way, have the same key wherever and
 * whenever they are pushed. The file's name is no part of it: a renamed copy is the same content.
 */
export function contentKey(dataset: string, body: OpenUploadBody, content: Content): Promise<string> {
  const { size, format, compression, expectedRows, maxRejects, csv, fixes } = body
  const options = maxRejects === undefined && csv === undefined && fixes === undefined ? [] : [{ maxRejects, csv, fixes }]
  return sha256(JSON.stringify(['millrace-1', dataset, content.digest, size, format, compression, expectedRows ?? null, ...options]))
}

/** The key after one whose load ended badly: every client that pushes this content walks the same chain, so they still meet. */
export const nextKey = (key: string, endedLoad: string): Promise<string> => sha256(`${key} ${endedLoad}`)

export const randomKey = (): string => crypto.randomUUID()
