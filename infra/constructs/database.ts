import { Annotations, Duration } from 'aws-cdk-lib'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import { spec } from '../../functions/migrate/env.ts'
import type { Stage } from '../stage.ts'
import type { AlarmSpec } from './alarm-spec.ts'
import type { Panel } from './panel.ts'
import { type Placement, VerbFunction } from './verb-function.ts'

/** What the other stacks know of the database, whoever runs it. */
export interface Database {
  /** Secret with the connection that loaders use. */
  readonly connection: Pick<ISecret, 'secretArn'>
  readonly placement: Placement | undefined
  readonly migrate: VerbFunction
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]
  /** Permits what a loader needs to log in, beyond reading the secret. */
  mayConnect(loader: VerbFunction): void
}

export interface MigrateProps {
  readonly stage: Stage
  /** Secret of the role that owns the tables. */
  readonly owner: ISecret
  /** Secret of the role that migrations create for loaders. */
  readonly loader: ISecret
  readonly placement: Placement | undefined
}

/** Time for all migrations of one deploy. The invocation waits for it, so it ends before CloudFormation gives up on a resource. */
export const migrateTimeout = Duration.minutes(10)

export function migrateFunction(scope: Construct, { stage, owner, loader, placement }: MigrateProps): VerbFunction {
  const migrate = new VerbFunction(scope, 'migrate', {
    stage,
    spec,
    description: 'Brings the database to the schema of this version; fails the deploy when it cannot',
    environment: {
      DATABASE_SECRET_ARN: owner.secretArn,
      LOADER_SECRET_ARN: loader.secretArn,
      STAGING_SLOTS: String(stage.stagingSlots),
    },
    timeout: migrateTimeout,
    placement,
  })
  // Partitions are made some days ahead, so they must be made again and again.
  new Rule(scope, 'MigrateDaily', { schedule: Schedule.rate(Duration.days(1)), targets: [new LambdaFunction(migrate.fn)] })
  Annotations.of(migrate.fn).acknowledgeWarning(
    '@aws-cdk/aws-lambda:addPermissionsToVersionOrAlias',
    'The rule invokes the function itself; the trigger invokes a version by a policy of its own role',
  )
  // Aurora's certificates are signed by Amazon's own authority, which Lambda's runtime carries but Node does not read by itself.
  if (placement) migrate.fn.addEnvironment('NODE_EXTRA_CA_CERTS', '/var/runtime/ca-cert.pem')
  return migrate.may(['secretsmanager:GetSecretValue'], owner.secretArn, loader.secretArn)
}
