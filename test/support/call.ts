import type { CallOf, Identity } from '#core/api/call.ts'
import type { Route } from '#core/api/route.ts'
import { RequestError } from '#core/errors.ts'

export const acme: Identity = { tenant: 'acme', datasets: ['*'] }
interface More {
  readonly identity?: Identity
  readonly query?: unknown
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeLeft?: () => number
}

/** A request as the boundary hands it to an action of `route`. */
export function callOf<R extends Route>(
  _route: R,
  params: CallOf<R>['params'],
  { identity = acme, query, body, headers = {}, timeLeft = () => 29_000 }: More = {},
): CallOf<R> {
  const call = {
    identity,
    params,
    query,
    body,
    header: (name: string) => headers[name],
    timeLeft,
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  }
  return call as CallOf<R>
}

/** The code of the RequestError that `work` ends in; anything else fails the test. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    (answer) => new Error(`answered ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  )
  if (error instanceof RequestError) return error.problem.code
  throw error
}
