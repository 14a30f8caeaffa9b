import { ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway'
import { type ProblemCode, problem, problems } from '#core/problems.ts'

interface Answer {
  readonly code: ProblemCode
  readonly detail: string
  /** Seconds; becomes Retry-After. */
  readonly retryAfter?: number
}

const unknownKey: Answer = {
  code: 'unauthenticated',
  detail: 'Send "Authorization: Bearer mr_..." with a key that is known and not disabled.',
}
const ours: Answer = {
  code: 'internal',
  detail: 'The request was not understood by our own gateway. Send it again; if it stays so, tell us the instance.',
}
const later: Answer = {
  code: 'unavailable',
  detail: 'No answer came in time. Send the same request again, with the same Idempotency-Key.',
  retryAfter: 5,
}

/**
 * What the gateway says when it answers by itself, in the form in which the functions answer.
 * Without Retry-After AWS' own 429 leaves a client to guess; a second is what a token bucket needs to have tokens again.
 */
const answers: ReadonlyMap<ResponseType, Answer> = new Map([
  [ResponseType.UNAUTHORIZED, unknownKey],
  [ResponseType.ACCESS_DENIED, unknownKey],
  [ResponseType.EXPIRED_TOKEN, unknownKey],
  [ResponseType.INVALID_SIGNATURE, unknownKey],
  [ResponseType.INVALID_API_KEY, unknownKey],
  // The gateway's word for a path or method that it does not have.
  [ResponseType.MISSING_AUTHENTICATION_TOKEN, { code: 'route-not-found', detail: 'Look up method and path at /v1/openapi.json.' }],
  [ResponseType.RESOURCE_NOT_FOUND, { code: 'route-not-found', detail: 'Look up method and path at /v1/openapi.json.' }],
  [ResponseType.BAD_REQUEST_BODY, { code: 'invalid-request', detail: 'The body does not fit the contract at /v1/openapi.json.' }],
  [ResponseType.BAD_REQUEST_PARAMETERS, { code: 'invalid-request', detail: 'A parameter does not fit the contract at /v1/openapi.json.' }],
  [
    ResponseType.UNSUPPORTED_MEDIA_TYPE,
    { code: 'content-type-unsupported', detail: 'The Content-Type or Content-Encoding is not supported.' },
  ],
  [ResponseType.REQUEST_TOO_LARGE, { code: 'body-too-large', detail: 'A body may have 10 MB. Send rows as an upload, in parts.' }],
  [ResponseType.THROTTLED, { code: 'throttled', detail: 'Too many requests at once. Wait as Retry-After says.', retryAfter: 1 }],
  [ResponseType.QUOTA_EXCEEDED, { code: 'throttled', detail: 'The daily quota is used up. Wait as Retry-After says.', retryAfter: 3600 }],
  // The only rule of the web ACL is a rate limit over five minutes.
  [
    ResponseType.WAF_FILTERED,
    { code: 'throttled', detail: 'Too many requests from this address. Wait as Retry-After says.', retryAfter: 300 },
  ],
  [ResponseType.INTEGRATION_TIMEOUT, later],
  [ResponseType.INTEGRATION_FAILURE, later],
  [ResponseType.API_CONFIGURATION_ERROR, ours],
  [ResponseType.AUTHORIZER_FAILURE, ours],
  [ResponseType.AUTHORIZER_CONFIGURATION_ERROR, ours],
  [ResponseType.DEFAULT_4XX, { code: 'invalid-request', detail: 'The request was refused by the gateway.' }],
  [ResponseType.DEFAULT_5XX, ours],
])

/** Gives every gateway response the form of problem+json, CORS included: a browser must be able to read its refusals. */
export function answerWithProblems(api: RestApi): void {
  for (const [type, { code, detail, retryAfter }] of answers) {
    api.addGatewayResponse(`Answer${type.responseType}`, {
      type,
      statusCode: String(problems[code].status),
      responseHeaders: {
        'Content-Type': "'application/problem+json'",
        'Access-Control-Allow-Origin': "'*'",
        'Access-Control-Expose-Headers': "'retry-after, x-request-id'",
        'X-Request-Id': 'context.requestId',
        ...(code === 'unauthenticated' ? { 'WWW-Authenticate': "'Bearer'" } : {}),
        ...(retryAfter === undefined ? {} : { 'Retry-After': `'${retryAfter}'` }),
      },
      templates: { 'application/json': JSON.stringify(problem(code, detail, { instance: 'urn:millrace:request:$context.requestId' })) },
    })
  }
}
