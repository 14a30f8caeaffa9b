import type { APIGatewayProxyEvent } from 'aws-lambda'
import type * as z from 'zod'
import { RequestError } from '#core/errors.ts'
import type { Problem } from '#core/problems.ts'

/** 100 parts to sign are about 10 KB; nothing that is sent as JSON comes near this. */
const maxBodyBytes = 1024 * 1024
/** Faults named in one answer. */
const maxFaults = 20

type BodyOf = Pick<APIGatewayProxyEvent, 'body' | 'isBase64Encoded'>

/** The body of a request as it came. */
function readBytes({ body, isBase64Encoded }: BodyOf, limit: number): Buffer {
  const bytes = Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8')
  if (bytes.length > limit) throw new RequestError('body-too-large', `The body has ${bytes.length} bytes, and ${limit} are allowed`)
  return bytes
}

/**
 * A body of rows. API Gateway makes text of what is not of a binary type, and puts U+FFFD in the place of bytes that are not UTF-8. Nobody can tell such a
 * character from one that was sent, so it becomes a byte again that no UTF-8 has: its row is refused as `invalid-utf8`, and nothing is stored that nobody sent.
 * Whoever means the character writes it as an escape, or sends the rows as a binary type.
 */
export function readRowBytes(event: BodyOf, limit: number): Buffer {
  const bytes = readBytes(event, limit)
  if (event.isBase64Encoded || !event.body?.includes('\ufffd')) return bytes
  return Buffer.from(bytes.toString('latin1').replaceAll('\xef\xbf\xbd', '\xff'), 'latin1')
}

/** The JSON body of a request, checked against the contract. */
export function readBody<S extends z.ZodType>(schema: S, event: BodyOf): z.output<S> {
  const bytes = readBytes(event, maxBodyBytes)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    const what = bytes.length === 0 ? 'The body is empty; send JSON' : 'The body is not valid JSON in UTF-8'
    throw new RequestError('invalid-json-body', what, { cause })
  }
  return check(schema, value, 'The body', '')
}

/** The query of a request, checked against the contract. A name given twice is a fault: there is no telling which one was meant. */
export function readQuery<S extends z.ZodType>(
  schema: S,
  event: Pick<APIGatewayProxyEvent, 'queryStringParameters' | 'multiValueQueryStringParameters'>,
): z.output<S> {
  const query: Record<string, unknown> = { ...event.queryStringParameters }
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {}))
    query[name] = values !== undefined && values.length > 1 ? values : values?.[0]
  return check(schema, query, 'The query', '/query')
}

function check<S extends z.ZodType>(schema: S, value: unknown, where: string, prefix: string): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = result.error.issues.flatMap((issue) => faults(issue, prefix))
  const more = errors.length > maxFaults ? `, the first ${maxFaults} of them named` : ''
  const detail = `${where} has ${errors.length === 1 ? 'a fault' : `${errors.length} faults${more}`}: ${errors[0]?.pointer || '(all of it)'} ${errors[0]?.detail}`
  throw new RequestError('invalid-request', detail, { errors: errors.slice(0, maxFaults) })
}

function faults(issue: z.core.$ZodIssue, prefix: string): NonNullable<Problem['errors']> {
  const at = prefix + issue.path.map(pointerStep).join('')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ pointer: at + pointerStep(key), detail: 'is not known here; leave it out' }))
  return [{ pointer: at, detail: issue.message }]
}

/** RFC 6901: ~ and / are escaped. */
const pointerStep = (step: PropertyKey): string => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`
