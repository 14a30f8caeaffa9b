import type { Action } from '#core/api/call.ts'
import type { HealthAnswer } from '#core/api/contract.ts'
import type * as routes from '#core/api/routes/service.ts'
import { RequestError } from '#core/errors.ts'
import type { Check } from '#platform/health.ts'

/** Milliseconds a part has to answer: well within what a load balancer or a monitor waits. */
const patience = 3000

export const createShowLiveness = (): Action<typeof routes.showLiveness> =>
  async function showLiveness() {
    return { status: 200, json: { status: 'ok', parts: {} } satisfies HealthAnswer }
  }

export const createShowReadiness = (checks: Readonly<Record<string, Check>>): Action<typeof routes.showReadiness> =>
  async function showReadiness() {
    const names = Object.keys(checks)
    const results = await Promise.allSettled(names.map((name) => checks[name]!(AbortSignal.timeout(patience))))
    const errors = results.flatMap((result, i) =>
      result.status === 'fulfilled'
        ? []
        : [{ pointer: `/parts/${names[i]}`, detail: `does not answer as it should (${nameOf(result.reason)})` }],
    )
    if (errors.length > 0)
      throw new RequestError('unavailable', `${errors.length} of ${names.length} parts are not available`, { errors, retryAfter: 5 })
    return { status: 200, json: { status: 'ok', parts: Object.fromEntries(names.map((name) => [name, 'ok'])) } }
  }

/** The kind of error alone: this is told to anybody. */
const nameOf = (reason: unknown): string => (reason instanceof Error ? reason.name : 'unknown')
