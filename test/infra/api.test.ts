import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Match, type Template } from 'aws-cdk-lib/assertions'
import { routes } from '#core/api/routes/all.ts'
import { type Problem, problems } from '#core/problems.ts'
import { resources, synthesize } from '../support/synthesized-app.ts'

const { api } = synthesize('production').templates
const open = synthesize('local', { gatewayAuthenticates: 'false' }).templates.api

interface Method {
  readonly HttpMethod: string
  readonly AuthorizationType: string
  readonly AuthorizerId?: unknown
  readonly ResourceId: { Ref: string }
}
type ApiResource = { readonly PathPart: string; readonly ParentId: { Ref?: string } }

/** `METHOD /path` of every method but OPTIONS, with its properties. */
function methods(template: Template): Map<string, Method> {
  const parts = new Map(resources<ApiResource>(template, 'AWS::ApiGateway::Resource').map(({ id, properties }) => [id, properties]))
  const path = (id: string | undefined): string => {
    const part = id === undefined ? undefined : parts.get(id)
    return part ? `${path(part.ParentId.Ref)}/${part.PathPart}` : ''
  }
  return new Map(
    resources<Method>(template, 'AWS::ApiGateway::Method')
      .filter(({ properties }) => properties.HttpMethod !== 'OPTIONS')
      .map(({ properties }) => [`${properties.HttpMethod} ${path(properties.ResourceId.Ref)}`, properties]),
  )
}

describe('routes', () => {
  it('are those of the contract, no more and no fewer', () => {
    assert.deepEqual([...methods(api).keys()].sort(), routes.map((r) => `${r.method} ${r.path}`).sort())
  })
  it('all need a key, but for health and the contract', () => {
    const unlocked = [...methods(api)].filter(([, m]) => m.AuthorizationType === 'NONE').map(([name]) => name)
    assert.deepEqual(unlocked.sort(), ['GET /v1/health/live', 'GET /v1/health/ready', 'GET /v1/openapi.json'])
    for (const [name, method] of methods(api)) if (!unlocked.includes(name)) assert.ok(method.AuthorizerId, name)
  })
  it('answer the preflight of any page, without a key', () => {
    const preflights = resources<Method>(api, 'AWS::ApiGateway::Method').filter(({ properties }) => properties.HttpMethod === 'OPTIONS')
    assert.ok(preflights.length >= new Set(routes.map((r) => r.path)).size)
    for (const { properties } of preflights) assert.equal(properties.AuthorizationType, 'NONE')
  })
})

describe('the authorizer', () => {
  it('reads the Authorization header and is remembered for five minutes', () => {
    api.hasResourceProperties('AWS::ApiGateway::Authorizer', {
      Type: 'REQUEST',
      IdentitySource: 'method.request.header.Authorization',
      AuthorizerResultTtlInSeconds: 300,
    })
    api.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ POWERTOOLS_SERVICE_NAME: 'show-load', GATEWAY_AUTHENTICATES: 'true' }) },
    })
  })
  it('is gone where the gateway has none, and the functions are told', () => {
    open.resourceCountIs('AWS::ApiGateway::Authorizer', 0)
    assert.equal(resources(open, 'AWS::Lambda::Function').length, resources(api, 'AWS::Lambda::Function').length - 1)
    for (const { properties } of resources<{ Environment: { Variables: Record<string, string> } }>(open, 'AWS::Lambda::Function'))
      assert.notEqual(properties.Environment.Variables.GATEWAY_AUTHENTICATES, 'true')
  })
})

describe('limits', () => {
  interface Setting {
    readonly HttpMethod: string
    readonly ResourcePath: string
    readonly ThrottlingRateLimit: number
    readonly ThrottlingBurstLimit: number
    readonly LoggingLevel: string
    readonly DataTraceEnabled: boolean
  }
  const settings = resources<{ MethodSettings: Setting[] }>(api, 'AWS::ApiGateway::Stage')[0]!.properties.MethodSettings

  it('hold for the whole stage', () => {
    const stage = settings.find((s) => s.ResourcePath === '/*')!
    assert.deepEqual([stage.ThrottlingRateLimit, stage.ThrottlingBurstLimit], [500, 1000])
  })
  it('are lower for each route that starts work', () => {
    const writes = settings.filter((s) => s.ResourcePath !== '/*')
    assert.equal(writes.length, routes.filter((r) => r.method !== 'GET').length)
    for (const s of writes) assert.deepEqual([s.ThrottlingRateLimit, s.ThrottlingBurstLimit], [200, 400])
  })
  it('never log bodies', () => {
    for (const s of settings) assert.deepEqual([s.LoggingLevel, s.DataTraceEnabled], ['ERROR', false])
  })
  it('have a usage plan with a daily quota', () => {
    api.hasResourceProperties('AWS::ApiGateway::UsagePlan', {
      Throttle: { RateLimit: 500, BurstLimit: 1000 },
      Quota: { Limit: 5_000_000, Period: 'DAY' },
      ApiStages: [Match.objectLike({ Stage: Match.anyValue() })],
    })
  })
  it('stop an address that floods, before any function runs', () => {
    api.hasResourceProperties('AWS::WAFv2::WebACL', {
      Scope: 'REGIONAL',
      Rules: [Match.objectLike({ Action: { Block: {} }, Statement: { RateBasedStatement: { Limit: 30_000, AggregateKeyType: 'IP' } } })],
    })
    api.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1)
  })
})

describe('the gateway’s own answers', () => {
  interface Answer {
    readonly ResponseType: string
    readonly StatusCode: string
    readonly ResponseParameters: Record<string, string>
    readonly ResponseTemplates: Record<string, string>
  }
  const answers = resources<Answer>(api, 'AWS::ApiGateway::GatewayResponse').map(({ properties }) => properties)
  const header = (answer: Answer, name: string) => answer.ResponseParameters[`gatewayresponse.header.${name}`]

  it('are problem+json with a documented code, title and status', () => {
    assert.ok(answers.length >= 20)
    for (const answer of answers) {
      const body = JSON.parse(answer.ResponseTemplates['application/json']!) as Problem
      assert.equal(header(answer, 'Content-Type'), "'application/problem+json'")
      assert.equal(body.title, problems[body.code].title)
      assert.equal(String(body.status), answer.StatusCode)
      assert.equal(body.status, problems[body.code].status)
      assert.equal(body.instance, 'urn:millrace:request:$context.requestId')
    }
  })
  it('can be read by pages of any origin', () => {
    for (const answer of answers) assert.equal(header(answer, 'Access-Control-Allow-Origin'), "'*'", answer.ResponseType)
  })
  it('say how long to wait when there is too much', () => {
    const refusals = answers.filter((a) => a.StatusCode === '429')
    assert.deepEqual(refusals.map((a) => a.ResponseType).sort(), ['QUOTA_EXCEEDED', 'THROTTLED', 'WAF_FILTERED'])
    for (const answer of refusals) assert.match(header(answer, 'Retry-After')!, /^'\d+'$/)
  })
  it('tell an unknown route from a missing key', () => {
    const status = (type: string) => answers.find((a) => a.ResponseType === type)?.StatusCode
    assert.equal(status('MISSING_AUTHENTICATION_TOKEN'), '404')
    assert.equal(status('UNAUTHORIZED'), '401')
  })
})

describe('the API', () => {
  it('is regional and takes rows as the bytes they are', () => {
    api.hasResourceProperties('AWS::ApiGateway::RestApi', {
      EndpointConfiguration: { Types: ['REGIONAL'] },
      BinaryMediaTypes: ['application/gzip', 'application/zstd', 'application/x-ndjson', 'text/csv'],
    })
  })
  it('is traced and writes one JSON line a request, without any header', () => {
    const [stage] = resources<{ TracingEnabled: boolean; AccessLogSetting: { Format: string; DestinationArn: unknown } }>(
      api,
      'AWS::ApiGateway::Stage',
    )
    assert.equal(stage!.properties.TracingEnabled, true)
    const line = JSON.parse(stage!.properties.AccessLogSetting.Format) as Record<string, string>
    for (const field of ['requestId', 'status', 'route', 'tenant', 'latency', 'trace']) assert.ok(line[field], field)
    assert.doesNotMatch(stage!.properties.AccessLogSetting.Format, /header|authorization/i)
  })
  it('keeps its logs for 90 days', () => {
    for (const { id, properties } of resources<{ RetentionInDays?: number }>(api, 'AWS::Logs::LogGroup'))
      assert.equal(properties.RetentionInDays, 90, id)
  })
})
