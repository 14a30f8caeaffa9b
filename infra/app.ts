import { App, Tags, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { ApiStack } from './stacks/api.ts'
import { DatabaseStack } from './stacks/database.ts'
import { GivenDatabaseStack } from './stacks/given-database.ts'
import { IngestStack } from './stacks/ingest.ts'
import { StorageStack } from './stacks/storage.ts'
import { WatchStack } from './stacks/watch.ts'
import { readStage } from './stage.ts'

/** Stage → stacks. Stacks know each other only by what is passed here. */
export function compose(app: App) {
  const stage = readStage((name) => app.node.tryGetContext(name))
  const id = (stack: string) => `millrace-${stage.name}-${stack}`
  const storage = new StorageStack(app, id('storage'), { stage })
  const database = stage.database
    ? new DatabaseStack(app, id('database'), { stage, values: stage.database })
    : new GivenDatabaseStack(app, id('database'), { stage })
  const ingest = new IngestStack(app, id('ingest'), { stage, storage, database })
  const api = new ApiStack(app, id('api'), { stage, storage, behind: ingest.behind })
  const watch = new WatchStack(app, id('watch'), {
    stage,
    alarms: [storage, database, ingest, api].flatMap((s) => s.alarms),
    panels: [api, storage, ingest, database].flatMap((s) => s.panels),
  })
  // CloudFormation's own schema knows no tags on this one type.
  Tags.of(app).add('millrace:stage', stage.name, { excludeResourceTypes: ['AWS::RDS::DBProxyTargetGroup'] })
  // A finding that nobody acknowledged, with its reason beside the resource, fails the synth.
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  return { stage, storage, database, ingest, api, watch }
}

if (import.meta.main) compose(new App())
