import { App, Tags, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { ApiStack } from './stacks/api.ts'
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
  const database = new GivenDatabaseStack(app, id('database'), { stage })
  const ingest = new IngestStack(app, id('ingest'), { stage, storage, database })
  const api = new ApiStack(app, id('api'), { stage, storage })
  const watch = new WatchStack(app, id('watch'), { stage, alarms: [...storage.alarms, ...ingest.alarms, ...api.alarms] })
  Tags.of(app).add('millrace:stage', stage.name)
  // A finding that nobody acknowledged, with its reason beside the resource, fails the synth.
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  return { stage, storage, database, ingest, api, watch }
}

if (import.meta.main) compose(new App())
