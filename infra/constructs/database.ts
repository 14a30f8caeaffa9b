import { Duration } from 'aws-cdk-lib'
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import { spec } from '../../functions/migrate/env.ts'
import type { Stage } from '../stage.ts'
import { type Placement, VerbFunction } from './verb-function.ts'

/** What the other stacks know of the database, whoever runs it. */
export interface Database {
  /** Secret with the connection that loaders use. */
  readonly connection: ISecret
  readonly placement: Placement | undefined
  readonly migrate: VerbFunction
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
      LANES: String(stage.lanes),
    },
    timeout: migrateTimeout,
    placement,
  })
  return migrate.may(['secretsmanager:GetSecretValue'], owner.secretArn, loader.secretArn)
}
