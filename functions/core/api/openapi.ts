import * as z from 'zod'
import { type ProblemCode, problems } from '#core/problems.ts'
import { problemAnswer, receiptAnswer } from './answers.ts'
import type { Route } from './route.ts'

type Json = Readonly<Record<string, unknown>>

/** Problems that any route may answer with, and those that come with a key. */
const everywhere: readonly ProblemCode[] = ['throttled', 'internal', 'unavailable']
const withKey: readonly ProblemCode[] = ['invalid-request', 'unauthenticated']
const parameterSchemas: Readonly<Record<string, Json>> = {
  dataset: { type: 'string' },
  load: { type: 'string', pattern: '^ld_[0-9a-hjkmnp-tv-z]{26}$' },
  chunk: { type: 'integer', minimum: 0 },
}

/** The OpenAPI 3.1 document of a route table. */
export function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const path = paths[route.path] ?? {}
    path[route.method.toLowerCase()] = operation(route)
    paths[route.path] = path
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version: '1',
      description:
        'Files in, receipts out: every row accounted for. Errors are RFC 9457 problems; docs/errors.md says what to do about each code.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key, mr_ and 43 characters' } },
      schemas: { Receipt: schemaOf(receiptAnswer, 'output'), Problem: schemaOf(problemAnswer, 'output') },
      headers: {
        RateLimitPolicy: {
          description: 'draft-ietf-httpapi-ratelimit-headers: the throttle of the stage, q requests in w seconds, shared by all callers',
          schema: { type: 'string' },
        },
        RequestId: { description: 'Names this request in logs', schema: { type: 'string' } },
      },
    },
  }
}

function operation(route: Route): Json {
  const parameters = [...pathParameters(route), ...queryParameters(route), ...headerParameters(route)]
  return {
    operationId: route.id,
    summary: route.summary,
    security: route.access === 'key' ? [{ key: [] }] : [],
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } } }),
    ...(route.bytes && { requestBody: { required: true, content: binaryContent(route.bytes.contentTypes) } }),
    responses: { ...answers(route), ...problemAnswers(route) },
  }
}

/** A body that is no JSON of one schema has none: what its rows are the dataset says. */
const binaryContent = (types: readonly string[]): Json => Object.fromEntries(types.map((type) => [type, {}]))

const pathParameters = ({ path }: Route): Json[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({ name, in: 'path', required: true, schema: parameterSchemas[name] }))

function queryParameters({ query }: Route): Json[] {
  if (!query) return []
  const { properties = {} } = schemaOf(query, 'input') as { properties?: Record<string, Json> }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }))
}

const headerParameters = ({ headers = {} }: Route): Json[] =>
  Object.entries(headers).map(([name, description]) => ({ name, in: 'header', required: false, description, schema: { type: 'string' } }))

function answers(route: Route): Record<string, Json> {
  const entries = Object.entries(route.answers).map(([status, answer]) => {
    const own = Object.entries(answer.headers ?? {}).map(([name, description]) => [name, { description, schema: { type: 'string' } }])
    const content = answer.schema && { [answer.contentType ?? 'application/json']: { schema: reference(answer.schema) } }
    return [status, { description: answer.doc, headers: { ...commonHeaders, ...Object.fromEntries(own) }, ...(content && { content }) }]
  })
  return Object.fromEntries(entries)
}

/** One answer a status, with the codes that may come with it. */
function problemAnswers(route: Route): Record<string, Json> {
  const codes = new Set([...route.problems, ...(route.access === 'key' ? withKey : []), ...everywhere])
  const byStatus = Object.groupBy([...codes], (code) => problems[code].status)
  const entries = Object.entries(byStatus).map(([status, codes = []]) => {
    const description = codes.map((code) => `\`${code}\`: ${problems[code].title}`).join('; ')
    const schema = { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }] }
    return [status, { description, headers: commonHeaders, content: { 'application/problem+json': { schema } } }]
  })
  return Object.fromEntries(entries)
}

const commonHeaders: Json = {
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
  'X-Request-Id': { $ref: '#/components/headers/RequestId' },
}

const reference = (schema: z.ZodType): Json =>
  schema === receiptAnswer ? { $ref: '#/components/schemas/Receipt' } : schemaOf(schema, 'output')

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io })
  return rest
}
