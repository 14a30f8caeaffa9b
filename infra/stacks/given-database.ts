import { Annotations, Aws, Stack } from 'aws-cdk-lib'
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import type { AlarmSpec } from '../constructs/alarm-spec.ts'
import { type Database, migrateFunction } from '../constructs/database.ts'
import type { Panel } from '../constructs/panel.ts'
import type { VerbFunction } from '../constructs/verb-function.ts'
import type { Stage } from '../stage.ts'

/**
 * A database that somebody else runs, known by a secret with its connection. The migrations are a function all the
 * same; whoever deploys invokes it, because the emulators run no custom resources.
 */
export class GivenDatabaseStack extends Stack implements Database {
  readonly connection: ISecret
  readonly migrate: VerbFunction
  readonly placement = undefined
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[] = []

  constructor(scope: Construct, id: string, { stage }: { readonly stage: Stage }) {
    super(scope, id, { description: `Millrace ${stage.name}: migrations of a database that is given` })
    const arn = stage.databaseSecretArn ?? `arn:aws:secretsmanager:${Aws.REGION}:${Aws.ACCOUNT_ID}:secret:unknown-000000`
    this.connection = Secret.fromSecretCompleteArn(this, 'Connection', arn)
    // Not thrown: bootstrap and destroy read the app too, and need no database.
    if (stage.databaseSecretArn === undefined)
      Annotations.of(this).addError(`Stage ${stage.name} has no database of its own: name the secret of one by -c databaseSecretArn=…`)
    this.migrate = migrateFunction(this, { stage, owner: this.connection, loader: this.connection, placement: undefined })
    this.alarms = this.migrate.alarms
  }

  /** The password in the secret is all it takes. */
  mayConnect(): void {}
}
