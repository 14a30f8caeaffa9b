import type { Refusal } from '#core/values/reject.ts'
import type { Reject } from './reject.ts'

/** Bytes of a rejected row that are kept: enough to see what is wrong. */
export const rawBytes = 8 * 1024

/** A rejected row as it is stored and answered. `bytes` may be only its beginning. */
export function rejectOf(
  { code, column, message }: Refusal,
  { line, offset, bytes, oversized = false }: { line: number; offset: number; bytes: Buffer; oversized?: boolean },
): Reject {
  const raw = bytes.toString('utf8', 0, Math.min(bytes.length, rawBytes))
  return { line, offset, column, code, message, raw, truncated: oversized || bytes.length > rawBytes }
}
