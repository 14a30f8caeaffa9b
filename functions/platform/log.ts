import { Logger } from '@aws-lambda-powertools/logger'
import { traceId } from '#core/trace.ts'

/** What every line about a load carries. Row contents, keys and connection strings are never logged. */
export interface LogContext {
  readonly tenant: string
  readonly load: string
  readonly chunk?: number
  readonly traceparent: string
}

/** One JSON line an event; level and service name come from the POWERTOOLS_* variables that the house construct sets. */
export const log = new Logger()

/** A logger whose every line names the tenant, load, chunk and trace. */
export function logFor({ traceparent, ...keys }: LogContext): Logger {
  return log.createChild({ persistentKeys: { ...keys, trace: traceId(traceparent) } })
}
