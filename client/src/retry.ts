import { RefusedError, UnavailableError } from './errors.ts'

/** Bounds of one request's retries: in count, and in time since its first failure. */
export interface RetryPolicy {
  readonly attempts: number
  /** Milliseconds after the first failure beyond which no further attempt begins. */
  readonly elapsedMs: number
  /** The first wait is random in [0, baseMs], the next in [0, 2 baseMs], … up to [0, capMs]. */
  readonly baseMs: number
  readonly capMs: number
}
/** Survives a failover of about two minutes, then gives up: the upload stays open and is resumed by the next push. */
export const defaultRetry: RetryPolicy = { attempts: 10, elapsedMs: 150_000, baseMs: 250, capMs: 20_000 }

/** The world as retries see it; tests bring their own. */
export interface Clock {
  readonly now: () => number
  readonly random: () => number
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/** 4xx answers that another try may change: timeout, too early, throttled; and what another request is still at work on. */
const retryableRefusals = new Set([408, 425, 429])
const retryableCodes = new Set<string | undefined>(['upload-busy', 'batch-in-flight'])

function isRetryable(error: unknown): error is RefusedError | UnavailableError {
  if (error instanceof UnavailableError) return true
  if (!(error instanceof RefusedError)) return false
  return retryableRefusals.has(error.status) || retryableCodes.has(error.problem?.code)
}

/**
 * How long to wait after failure number `failures` (from 1): exponential with full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), and never sooner than the server
 * said; then the jitter comes on top, so that everyone who was told the same does not come back at once.
 */
export function waitAfter(failures: number, retryAfterMs: number | undefined, policy: RetryPolicy, random: () => number): number {
  const jitter = random() * Math.min(policy.capMs, policy.baseMs * 2 ** (failures - 1))
  return retryAfterMs === undefined ? jitter : retryAfterMs + Math.min(jitter, 1000)
}

/** Runs `attempt` until it succeeds, fails for good, or the policy's bounds are reached; then throws the last failure. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  options: { readonly policy: RetryPolicy; readonly clock: Clock; readonly signal: AbortSignal | undefined },
): Promise<T> {
  const { policy, clock, signal } = options
  let firstFailure: number | undefined
  for (let failures = 1; ; failures++) {
    try {
      signal?.throwIfAborted()
      return await attempt()
    } catch (error) {
      if (!isRetryable(error) || failures >= policy.attempts) throw error
      firstFailure ??= clock.now()
      const wait = waitAfter(failures, error.retryAfterMs, policy, clock.random)
      if (clock.now() + wait - firstFailure > policy.elapsedMs) throw error
      await clock.sleep(wait, signal)
    }
  }
}

/** `Retry-After` in milliseconds: seconds or an HTTP date (RFC 9110, 10.2.3); undefined when absent or unreadable. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000
  // An HTTP date begins with the day of the week; Date.parse alone takes nearly anything.
  const date = /^[A-Z][a-z]{2,8},/.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(done, ms)
      function done(): void {
        signal?.removeEventListener('abort', aborted)
        resolve()
      }
      function aborted(): void {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', aborted, { once: true })
    }),
}
