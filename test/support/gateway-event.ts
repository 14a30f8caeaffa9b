import type { APIGatewayProxyEvent } from 'aws-lambda'

interface More {
  readonly params?: Record<string, string>
  readonly key?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** An event as API Gateway's REST proxy integration sends it; anything else of the event may be given as it is. */
export function gatewayEvent(
  method: string,
  resource: string,
  { params, key, body, headers, ...more }: More & Omit<Partial<APIGatewayProxyEvent>, keyof More> = {},
): APIGatewayProxyEvent {
  const path = resource.replace(/\{(\w+)\}/g, (_, name) => params?.[name] ?? '')
  const event = {
    httpMethod: method,
    resource,
    path,
    headers: { ...(key && { Authorization: `Bearer ${key}` }), ...headers },
    multiValueHeaders: {},
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: params ?? null,
    stageVariables: null,
    body: body === undefined ? null : JSON.stringify(body),
    isBase64Encoded: false,
    requestContext: { requestId: 'request-1' } as APIGatewayProxyEvent['requestContext'],
    ...more,
  }
  return event
}

/** What Lambda tells a function of its invocation. */
export const lambda = (awsRequestId: string) => ({ awsRequestId, getRemainingTimeInMillis: () => 29_000 })
