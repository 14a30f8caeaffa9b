import { Aws, CfnOutput, Duration, Stack } from 'aws-cdk-lib'
import {
  AccessLogFormat,
  AuthorizationType,
  Cors,
  EndpointType,
  IdentitySource,
  LambdaIntegration,
  LogGroupLogDestination,
  type MethodDeploymentOptions,
  MethodLoggingLevel,
  type MethodOptions,
  Period,
  RequestAuthorizer,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { spec as authorizeSpec } from '../../functions/authorize/env.ts'
import { acknowledge } from '../constructs/acknowledge.ts'
import type { AlarmSpec } from '../constructs/alarm-spec.ts'
import { apiFunctions, type BehindApi } from '../constructs/api-functions.ts'
import { rateLimitAddresses } from '../constructs/firewall.ts'
import { answerWithProblems } from '../constructs/gateway-problems.ts'
import type { Panel } from '../constructs/panel.ts'
import { VerbFunction } from '../constructs/verb-function.ts'
import { gatewayRoutes } from '../routes.ts'
import type { Stage } from '../stage.ts'
import type { StorageStack } from './storage.ts'

export interface ApiProps {
  readonly stage: Stage
  readonly storage: StorageStack
  readonly behind: BehindApi
}

/** The door: a regional REST API, its authorizer and its functions. */
export class ApiStack extends Stack {
  readonly api: RestApi
  readonly functions: readonly VerbFunction[]
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]

  constructor(scope: Construct, id: string, { stage, storage, behind }: ApiProps) {
    super(scope, id, { description: `Millrace ${stage.name}: the HTTP API` })
    const verbs = apiFunctions(this, stage, storage, behind)
    const authorize = stage.gatewayAuthenticates ? this.authorizeFunction(stage, storage) : undefined
    this.functions = [...Object.values(verbs), ...(authorize ? [authorize] : [])]
    this.api = this.restApi(stage)
    answerWithProblems(this.api)

    const needsKey: MethodOptions = authorize
      ? { authorizationType: AuthorizationType.CUSTOM, authorizer: this.authorizer(authorize) }
      : { authorizationType: AuthorizationType.NONE }
    for (const route of gatewayRoutes) {
      const integration = new LambdaIntegration(verbs[route.verb].fn, { allowTestInvoke: false })
      const method = this.api.root
        .resourceForPath(route.path)
        .addMethod(route.method, integration, route.open ? { authorizationType: AuthorizationType.NONE } : needsKey)
      if (route.open) acknowledge(method, 'APIG4', 'Health and the contract are for everyone: they tell nothing about any tenant')
      else if (!authorize) acknowledge(method, 'APIG4', 'This stage’s gateway has no authorizers: the function itself checks the key')
    }

    if (stage.firewallRate !== undefined) rateLimitAddresses(this, this.api, stage.firewallRate)
    else acknowledge(this.api, 'APIG3', 'This stage has no web ACL: it runs on an emulator, which cannot associate one')

    this.alarms = [...this.functions.flatMap((f) => f.alarms), ...this.apiAlarms()]
    this.panels = this.apiPanels()
    new CfnOutput(this, 'Url', { value: `https://${this.api.restApiId}.execute-api.${Aws.REGION}.${Aws.URL_SUFFIX}/${stage.name}` })
    new CfnOutput(this, 'RestApiId', { value: this.api.restApiId })
    new CfnOutput(this, 'StageName', { value: this.api.deploymentStage.stageName })
  }

  private authorizeFunction(stage: Stage, { table, key }: StorageStack): VerbFunction {
    return new VerbFunction(this, 'authorize', {
      stage,
      spec: authorizeSpec,
      description: 'Knows tenants by the hash of their API key',
      environment: { TABLE_NAME: table.tableName },
    })
      .may(['dynamodb:GetItem'], table.tableArn)
      .mayDecrypt(key, 'dynamodb')
  }

  private authorizer(authorize: VerbFunction): RequestAuthorizer {
    return new RequestAuthorizer(this, 'Authorizer', {
      handler: authorize.fn,
      // Without the header the gateway answers 401 by itself, and no function runs.
      identitySources: [IdentitySource.header('Authorization')],
      // A disabled key is refused this much later at most.
      resultsCacheTtl: Duration.minutes(5),
    })
  }

  private restApi(stage: Stage): RestApi {
    const accessLogs = new LogGroup(this, 'AccessLogs', { retention: stage.logRetentionDays, removalPolicy: stage.removal })
    const settings: MethodDeploymentOptions = {
      metricsEnabled: true,
      loggingLevel: MethodLoggingLevel.ERROR,
      // Bodies hold rows; they are never logged.
      dataTraceEnabled: false,
      throttlingRateLimit: stage.throttle.rate,
      throttlingBurstLimit: stage.throttle.burst,
    }
    const writes = { ...settings, throttlingRateLimit: stage.writeThrottle.rate, throttlingBurstLimit: stage.writeThrottle.burst }
    const api = new RestApi(this, 'Api', {
      restApiName: `millrace-${stage.name}`,
      description: 'Files in, receipt out',
      endpointTypes: [EndpointType.REGIONAL],
      cloudWatchRole: true,
      // Rows as they were sent: what is no binary type is made text, and bytes that are not UTF-8 are lost (readRowBytes in platform/request.ts refuses
      // their rows). JSON is left out, for a preflight request counts as JSON, and its MOCK takes no binary body.
      binaryMediaTypes: ['application/gzip', 'application/zstd', 'application/x-ndjson', 'text/csv'],
      deployOptions: {
        ...settings,
        stageName: stage.name,
        tracingEnabled: true,
        accessLogDestination: new LogGroupLogDestination(accessLogs),
        accessLogFormat: AccessLogFormat.custom(JSON.stringify(accessLog)),
        methodOptions: Object.fromEntries(gatewayRoutes.filter((r) => r.writes).map((r) => [`${r.path}/${r.method}`, writes])),
      },
      defaultCorsPreflightOptions: {
        // Keys travel in a header that a page must set on purpose: no cookie, so nothing another origin could borrow.
        allowOrigins: Cors.ALL_ORIGINS,
        allowMethods: ['GET', 'POST', 'DELETE'],
        allowHeaders: [
          ...['Authorization', 'Content-Type', 'Idempotency-Key', 'If-None-Match', 'traceparent'],
          ...['X-Millrace-Format', 'X-Millrace-Rows'],
        ],
        maxAge: Duration.hours(1),
      },
    })
    api.addUsagePlan('UsagePlan', {
      name: `millrace-${stage.name}`,
      // It binds only requests that carry one of its API Gateway keys, and Millrace's own keys are none: docs/decisions/0011.
      description: 'For callers that are given an API Gateway key; all others are bound by the throttles of the stage',
      throttle: { rateLimit: stage.throttle.rate, burstLimit: stage.throttle.burst },
      quota: { limit: stage.dailyQuota, period: Period.DAY },
      apiStages: [{ stage: api.deploymentStage }],
    })
    acknowledge(
      api,
      'APIG2',
      'Functions validate with the zod contract and answer with a pointer to each fault; a gateway model could say neither',
    )
    acknowledge(api, 'COG4', 'Callers are machines with API keys, known by the Lambda authorizer; there are no people to sign in')
    acknowledge(
      api,
      'IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
      'The one policy that API Gateway accepts for its account-wide logging role',
    )
    return api
  }

  private apiPanels(): Panel[] {
    const period = Duration.minutes(1)
    const sum = { period, statistic: 'Sum' }
    return [
      { title: 'API: requests', metrics: [this.api.metricCount(sum), this.api.metricClientError(sum), this.api.metricServerError(sum)] },
      { title: 'API: latency (ms)', metrics: ['p50', 'p99'].map((statistic) => this.api.metricLatency({ period, statistic })) },
    ]
  }

  private apiAlarms(): AlarmSpec[] {
    const period = Duration.minutes(5)
    return [
      {
        id: 'api-server-errors',
        // The average of 5XXError is its share of all requests.
        metric: this.api.metricServerError({ period, statistic: 'Average' }),
        threshold: 0.01,
        periods: 2,
        means: 'One request in a hundred or more ends with a 5xx',
        runbook: 'api-server-errors',
      },
      {
        id: 'api-latency',
        metric: this.api.metricLatency({ period, statistic: 'p99' }),
        threshold: 5000,
        periods: 3,
        means: 'One request in a hundred takes more than 5 seconds',
        runbook: 'api-latency',
      },
    ]
  }
}

/** One JSON line a request. No header is in it: keys travel in one. */
const accessLog = {
  requestId: '$context.requestId',
  time: '$context.requestTimeEpoch',
  ip: '$context.identity.sourceIp',
  method: '$context.httpMethod',
  route: '$context.resourcePath',
  path: '$context.path',
  status: '$context.status',
  bytes: '$context.responseLength',
  latency: '$context.responseLatency',
  integrationLatency: '$context.integrationLatency',
  authorizerLatency: '$context.authorizer.latency',
  tenant: '$context.authorizer.tenant',
  error: '$context.error.message',
  trace: '$context.xrayTraceId',
  userAgent: '$context.identity.userAgent',
}
