import type { Problem } from '../../functions/core/problems.ts'
import { RefusedError, UnavailableError } from './errors.ts'
import { type Clock, type RetryPolicy, retryAfterMs, retrying } from './retry.ts'

type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** W3C trace context to send; a new one when absent. */
  readonly traceparent?: string | undefined
}
export interface Call extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
  /** `manual`: a 303 is an answer too, and not followed. */
  readonly redirect?: 'manual'
  /** Milliseconds for one attempt, the body of the answer included. */
  readonly timeoutMs: number
}
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}
export interface World {
  readonly fetch: Fetch
  readonly clock: Clock
}

/** One attempt. 2xx and 304 are answers; everything else is thrown as what it means. */
export async function send(call: Call, { fetch, clock }: World): Promise<Answer> {
  const timeout = AbortSignal.timeout(call.timeoutMs)
  const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout
  try {
    const response = await fetch(call.url, {
      method: call.method,
      headers: call.headers,
      signal,
      ...(call.redirect === undefined ? {} : { redirect: call.redirect }),
      ...(call.body === undefined ? {} : { body: call.body }),
    })
    const answer = { status: response.status, headers: response.headers, text: await response.text() }
    if (response.ok || response.status === 304 || (call.redirect && response.status === 303)) return answer
    throw failure(call, answer, clock.now())
  } catch (error) {
    if (error instanceof RefusedError || error instanceof UnavailableError) throw error
    call.signal?.throwIfAborted()
    const why = timeout.aborted ? `no answer within ${call.timeoutMs / 1000} s` : reasonOf(error)
    throw new UnavailableError(`${call.method} ${withoutQuery(call.url)}: ${why}`, { cause: error })
  }
}

/** An attempt, and further ones while it makes sense. Every request of this client may be sent twice without harm. */
export const sendRetrying = (call: Call, world: World, policy: RetryPolicy): Promise<Answer> =>
  retrying(() => send(call, world), { policy, clock: world.clock, signal: call.signal })

/** The bytes behind a presigned URL, as they come. */
export async function openDownload(url: string, { fetch }: World, signal: AbortSignal | undefined): Promise<AsyncIterable<Uint8Array>> {
  try {
    const response = await fetch(url, { method: 'GET', ...(signal && { signal }) })
    if (response.ok && response.body) return response.body
    throw new UnavailableError(`GET ${withoutQuery(url)} was answered with ${response.status}`, { status: response.status })
  } catch (error) {
    if (error instanceof UnavailableError) throw error
    signal?.throwIfAborted()
    throw new UnavailableError(`GET ${withoutQuery(url)}: ${reasonOf(error)}`, { cause: error })
  }
}

function failure(call: Call, answer: Answer, now: number): RefusedError | UnavailableError {
  const problem = problemIn(answer)
  // S3 answers in XML: <Error><Code>SlowDown</Code><Message>…
  const said = problem?.detail ?? /<Message>([^<]{1,500})/.exec(answer.text)?.[1] ?? plain(answer.text)
  const code = problem?.code ?? /<Code>([^<]{1,100})/.exec(answer.text)?.[1]
  const message = `${said || `${call.method} ${withoutQuery(call.url)} was answered with ${answer.status}`}${code ? ` (${code})` : ''}`
  const details = {
    status: answer.status,
    problem,
    requestId: answer.headers.get('x-request-id') ?? answer.headers.get('x-amzn-requestid') ?? undefined,
    retryAfterMs: retryAfterMs(answer.headers.get('retry-after'), now),
  }
  return answer.status >= 500 ? new UnavailableError(message, details) : new RefusedError(message, details)
}

function problemIn(answer: Answer): Problem | undefined {
  if (!answer.headers.get('content-type')?.includes('json')) return undefined
  try {
    const body: unknown = JSON.parse(answer.text)
    return isProblem(body) ? body : undefined
  } catch {
    return undefined
  }
}
const isProblem = (body: unknown): body is Problem =>
  typeof body === 'object' && body !== null && 'code' in body && 'detail' in body && typeof body.detail === 'string'

/** What a gateway says that knows no problem+json, e.g. `{"message":"Forbidden"}`. */
const plain = (text: string): string => (text.length <= 200 && !text.includes('<') ? text.trim() : '')

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message
  return cause instanceof Error ? cause.message || cause.name : error.message
}

/** A presigned URL's query is a credential: it must not reach a message or a log. */
const withoutQuery = (url: string): string => url.split('?', 1)[0]!
