import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda'
import type { Action, Answer, CallOf, Identity } from '#core/api/call.ts'
import type { Route } from '#core/api/route.ts'
import { RequestError } from '#core/errors.ts'
import { type Problem, problem } from '#core/problems.ts'
import { traceId, traceparentOr } from '#core/trace.ts'
import { isOutage } from './aws-errors.ts'
import { log } from './log.ts'
import { readBody, readQuery, readRowBytes } from './request.ts'

export interface Gate {
  /** Told to clients as RateLimit-Policy: the throttle that API Gateway applies to the stage. */
  readonly requestsPerSecond: number
  /** Needed by routes with a key: who sent this? */
  readonly identify?: (
    authorization: string | undefined,
    context: APIGatewayProxyEvent['requestContext']['authorizer'],
  ) => Promise<Identity>
}
interface Caller {
  readonly identity: Identity | null
}
interface Binding {
  readonly route: Route
  readonly run: (event: APIGatewayProxyEvent, more: Pick<CallOf<Route>, 'traceparent' | 'timeLeft'> & Caller) => Promise<Answer>
}

/** Seconds a client is asked to wait when something behind us is away: the SDK's own retries have gone by. */
const outageRetryAfter = 2

/** Ties a route to what it does; the request is parsed and checked between the two. */
export function on<const R extends Route>(route: R, action: Action<R>): Binding {
  return {
    route,
    run: async (event, more) => {
      const call = {
        ...more,
        params: pathParameters(event),
        query: route.query && readQuery(route.query, event),
        body: route.body ? readBody(route.body, event) : route.bytes && readRowBytes(event, route.bytes.limit),
        header: (name: string) => headerOf(event, name),
      }
      // The route's own schemas have produced body and query, and identity follows its access.
      return action(call as CallOf<R>)
    },
  }
}

/** The boundary of every function behind the API: authenticates, parses, answers, maps what is thrown, logs one line a request. */
export function serve(gate: Gate, ...bindings: readonly Binding[]) {
  return async (
    event: APIGatewayProxyEvent,
    context: Pick<Context, 'awsRequestId' | 'getRemainingTimeInMillis'>,
  ): Promise<APIGatewayProxyResult> => {
    const began = performance.now()
    const requestId = event.requestContext?.requestId ?? context.awsRequestId
    const traceparent = traceparentOr(headerOf(event, 'traceparent'))
    const binding = bindings.find(({ route }) => route.method === event.httpMethod && route.path === event.resource)
    let identity: Identity | null = null
    let answer: Answer
    let fault: unknown
    try {
      if (!binding) throw new RequestError('route-not-found', `There is no ${event.httpMethod} ${event.path}; see /v1/openapi.json`)
      if (binding.route.access === 'key') identity = await identityOf(gate, event)
      answer = await binding.run(event, { identity, traceparent, timeLeft: () => context.getRemainingTimeInMillis() })
    } catch (error) {
      fault = error
      answer = answerTo(error, requestId)
    }
    log[answer.status >= 500 ? 'error' : 'info']('request', {
      method: event.httpMethod,
      route: binding?.route.path ?? event.resource,
      status: answer.status,
      ms: Math.round(performance.now() - began),
      ...(identity && { tenant: identity.tenant }),
      ...loadOf(event, answer),
      requestId,
      trace: traceId(traceparent),
      ...(answer.status >= 500 && fault instanceof Error && { error: fault }),
    })
    return toResult(answer, { 'x-request-id': requestId, 'ratelimit-policy': `"stage";q=${gate.requestsPerSecond};w=1` })
  }
}

/** The load that a request was about, or made. */
function loadOf(event: APIGatewayProxyEvent, { headers }: Answer): { load?: string } {
  const load = event.pathParameters?.load ?? /\/(ld_\w+)$/.exec(headers?.location ?? '')?.[1]
  return load === undefined ? {} : { load }
}

async function identityOf({ identify }: Gate, event: APIGatewayProxyEvent): Promise<Identity> {
  if (!identify) throw new Error('a route with a key is served without identify')
  return identify(headerOf(event, 'authorization'), event.requestContext.authorizer)
}

function pathParameters(event: APIGatewayProxyEvent): Record<string, string> {
  const entries = Object.entries(event.pathParameters ?? {})
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']))
}

/** API Gateway keeps the case that the client used. */
function headerOf(event: APIGatewayProxyEvent, name: string): string | undefined {
  return Object.entries(event.headers ?? {}).find(([given]) => given.toLowerCase() === name)?.[1]
}

function answerTo(error: unknown, requestId: string): Answer {
  const instance = `urn:millrace:request:${requestId}`
  if (error instanceof RequestError) return problemAnswer({ ...error.problem, instance }, error.retryAfter)
  if (isOutage(error)) {
    const detail = 'A service that this request needs did not answer. Nothing was lost: send the request again'
    return problemAnswer(problem('unavailable', detail, { instance }), outageRetryAfter)
  }
  return problemAnswer(problem('internal', `Unexpected. Tell whoever runs this deployment the request id ${requestId}`, { instance }))
}

function problemAnswer(body: Problem, retryAfter?: number): Answer {
  const headers: Record<string, string> = {}
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(retryAfter))
  if (body.status === 401) headers['www-authenticate'] = 'Bearer'
  return { status: body.status, text: { body: JSON.stringify(body), contentType: 'application/problem+json' }, headers }
}

function toResult({ status, json, text, headers }: Answer, common: Record<string, string>): APIGatewayProxyResult {
  const body = text?.body ?? (json === undefined ? '' : JSON.stringify(json))
  const contentType = text?.contentType ?? (json === undefined ? undefined : 'application/json')
  return {
    statusCode: status,
    headers: {
      ...common,
      // A key is sent in a header and never by a browser on its own, so any origin may ask. Pages must be able to read these.
      'access-control-allow-origin': '*',
      'access-control-expose-headers':
        'etag, idempotency-key, idempotency-replayed, link, location, ratelimit-policy, retry-after, x-request-id',
      'cache-control': 'no-store',
      ...(contentType && { 'content-type': contentType }),
      ...headers,
    },
    body,
  }
}
