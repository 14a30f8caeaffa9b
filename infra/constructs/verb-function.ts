import { join } from 'node:path'
import { Aws, Duration, Size } from 'aws-cdk-lib'
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2'
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { Architecture, RecursiveLoop, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda'
import { type BundlingOptions, LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { Environment, EnvSpec } from '#core/env.ts'
import type { Stage } from '../stage.ts'
import { acknowledge } from './acknowledge.ts'
import type { AlarmSpec } from './alarm-spec.ts'

const projectRoot = join(import.meta.dirname, '../..')

/** Where a function that needs the database runs. */
export interface Placement {
  readonly vpc: IVpc
  readonly vpcSubnets: SubnetSelection
  readonly securityGroups: ISecurityGroup[]
}

export interface VerbFunctionProps<S extends EnvSpec> {
  readonly stage: Stage
  /** The verb's own env.ts: leaving out one of its variables does not compile. */
  readonly spec: S
  readonly environment: Environment<NoInfer<S>>
  readonly description: string
  readonly timeout?: Duration
  /** MB. Lambda gives CPU by memory: a whole core at 1,769. */
  readonly memory?: number
  /** Of its own, for files; Lambda gives 512 MiB without being asked. */
  readonly temporaryStorage?: Size
  readonly placement?: Placement | undefined
  /** Its messages may come back to it, for as long as its own bounds say: Lambda's guard against loops is off. */
  readonly sendsToItself?: boolean
}

/** Every object of a bucket, and what cdk-nag calls a permission on them. */
interface Objects {
  readonly objects: string
  readonly finding: string
}

/** Services that ask the key for us. */
type KeyUser = 's3' | 'sqs' | 'dynamodb' | 'secretsmanager' | 'kinesis'

/** One file, ESM, with everything in it: what was tested is what runs, whatever SDK the runtime carries. */
const bundling: BundlingOptions = {
  format: OutputFormat.ESM,
  target: 'node24',
  mainFields: ['module', 'main'],
  minify: true,
  // Class names are the names of our errors in logs and alarms.
  keepNames: true,
  sourceMap: true,
  sourcesContent: false,
  logLevel: LogLevel.WARNING,
  bundleAwsSDK: true,
  // pg asks for its native twin only when told to; it is never there.
  externalModules: ['pg-native'],
  // CommonJS packages in an ES module still call require for Node's own modules.
  banner: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
}

/** A function of `functions/<verb>`: its code, log group, role with what it may do and no more, tracing, and alarms. */
export class VerbFunction<S extends EnvSpec = EnvSpec> extends Construct {
  readonly fn: NodejsFunction
  readonly alarms: readonly AlarmSpec[]

  constructor(scope: Construct, verb: string, props: VerbFunctionProps<S>) {
    super(scope, verb)
    const { stage } = props
    const timeout = props.timeout ?? Duration.seconds(29)
    const logGroup = new LogGroup(this, 'Logs', { retention: stage.logRetentionDays, removalPolicy: stage.removal })
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    const logging = new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] })
    role.addToPolicy(logging)
    if (props.placement) this.mayJoinNetwork(role)
    this.fn = new NodejsFunction(this, 'Function', {
      entry: join(projectRoot, 'functions', verb, 'handler.ts'),
      handler: 'handler',
      projectRoot,
      depsLockFilePath: join(projectRoot, 'package-lock.json'),
      bundling,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      description: props.description,
      timeout,
      memorySize: props.memory ?? 512,
      ephemeralStorageSize: props.temporaryStorage ?? Size.mebibytes(512),
      tracing: Tracing.ACTIVE,
      role,
      logGroup,
      environment: {
        NODE_OPTIONS: '--enable-source-maps',
        POWERTOOLS_SERVICE_NAME: verb,
        POWERTOOLS_METRICS_NAMESPACE: 'Millrace',
        POWERTOOLS_LOG_LEVEL: stage.logLevel,
        ...props.environment,
      },
      ...(props.sendsToItself ? { recursiveLoop: RecursiveLoop.ALLOW } : {}),
      ...(props.placement ?? {}),
    })
    acknowledge(
      role,
      'IAM5[Resource::*]',
      'X-Ray segments and network interfaces have no ARN to name before they exist; AWS documents * for both',
    )
    this.alarms = alarmsOf(verb, this.fn)
  }

  /** Permits these actions on these resources. */
  may(actions: readonly string[], ...resources: readonly string[]): this {
    this.fn.addToRolePolicy(new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [...resources] }))
    return this
  }

  /** Permits actions on every object of a bucket. */
  mayObjects(actions: readonly string[], bucket: Objects): this {
    acknowledge(this.fn.role!, bucket.finding, 'Objects are named by tenant, dataset and load, and the function serves every tenant')
    return this.may(actions, bucket.objects)
  }

  /** Permits reading objects, and being told that one is not there: without s3:ListBucket S3 answers 403 for a missing key, never 404. */
  mayReadObjects(bucket: Objects & { readonly arn: string }): this {
    return this.mayObjects(['s3:GetObject'], bucket).may(['s3:ListBucket'], bucket.arn)
  }

  /** Permits reading what the key protects, by way of these services only. */
  mayDecrypt(key: IKey | undefined, ...services: readonly KeyUser[]): this {
    return this.mayKey(['kms:Decrypt', 'kms:DescribeKey'], key, services)
  }

  /** Permits reading and writing what the key protects, by way of these services only. */
  mayEncrypt(key: IKey | undefined, ...services: readonly KeyUser[]): this {
    return this.mayKey(['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'], key, services)
  }

  private mayKey(actions: string[], key: IKey | undefined, services: readonly KeyUser[]): this {
    if (!key) return this
    const via = services.map((service) => `${service}.${Aws.REGION}.amazonaws.com`)
    this.fn.addToRolePolicy(
      new PolicyStatement({ actions, resources: [key.keyArn], conditions: { StringEquals: { 'kms:ViaService': via } } }),
    )
    return this
  }

  /** What Lambda itself needs to place a function in a VPC, as in AWSLambdaVPCAccessExecutionRole but without its logs on everything. */
  private mayJoinNetwork(role: Role): void {
    role.addToPolicy(
      new PolicyStatement({
        actions: [
          'ec2:CreateNetworkInterface',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSubnets',
          'ec2:DeleteNetworkInterface',
          'ec2:AssignPrivateIpAddresses',
          'ec2:UnassignPrivateIpAddresses',
        ],
        resources: ['*'],
      }),
    )
  }
}

function alarmsOf(verb: string, fn: NodejsFunction): AlarmSpec[] {
  const period = Duration.minutes(5)
  return [
    {
      id: `${verb}-errors`,
      metric: fn.metricErrors({ period }),
      threshold: 1,
      periods: 2,
      means: `${verb} throws`,
      runbook: 'function-errors',
    },
    {
      id: `${verb}-throttles`,
      metric: fn.metricThrottles({ period }),
      threshold: 1,
      periods: 3,
      means: `${verb} is refused concurrency by Lambda`,
      runbook: 'function-throttles',
    },
  ]
}
