/** What an AWS SDK error says about itself; anything else has none of these. */
interface SdkError {
  readonly name: string
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly $retryable?: { readonly throttling?: boolean }
}

/** As the SDK's own retry strategy knows them (@smithy/core, retry constants). */
const throttles = new Set([
  'BandwidthLimitExceeded',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
])
const network = new Set(['TimeoutError', 'RequestTimeout', 'ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])

/** True when a service asked for was too busy or away after the SDK's own retries: the same request may succeed later. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { name, $metadata, $retryable } = error as Error & SdkError
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    $retryable?.throttling === true ||
    throttles.has(name) ||
    network.has(name) ||
    network.has(code) ||
    ($metadata?.httpStatusCode ?? 0) >= 500 ||
    $metadata?.httpStatusCode === 429
  )
}

/** True when an AWS call was answered with one of these error codes, or with this HTTP status. */
export function isAwsError(error: unknown, ...codes: readonly (string | number)[]): boolean {
  if (!(error instanceof Error)) return false
  const status = (error as Error & SdkError).$metadata?.httpStatusCode
  return codes.some((code) => code === error.name || code === status)
}
