import { randomBytes } from 'node:crypto'

/** W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header: version 00, trace id, parent id, flags. */
const pattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The caller's `traceparent` when it is valid, else a new one (sampled): a load always has exactly one. */
export function traceparentOr(given: string | undefined): string {
  if (given !== undefined && pattern.test(given)) return given
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
}

/** The trace id alone, as log lines carry it. */
export const traceId = (traceparent: string): string => traceparent.slice(3, 35)
