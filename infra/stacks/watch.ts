import { Aws, CfnOutput, Stack } from 'aws-cdk-lib'
import { Alarm, ComparisonOperator, Dashboard, GraphWidget, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Topic } from 'aws-cdk-lib/aws-sns'
import type { Construct } from 'constructs'
import type { AlarmSpec } from '../constructs/alarm-spec.ts'
import type { Panel } from '../constructs/panel.ts'
import type { Stage } from '../stage.ts'

export interface WatchProps {
  readonly stage: Stage
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]
}

/** Makes every alarm real that the other stacks declare, and tells one topic. Who listens to it is not code. */
export class WatchStack extends Stack {
  constructor(scope: Construct, id: string, { stage, alarms, panels }: WatchProps) {
    super(scope, id, { description: `Millrace ${stage.name}: alarms and dashboard` })
    // No key of ours: an alarm's text holds no row, and CloudWatch would need a right to the key of the data.
    const topic = new Topic(this, 'Alarms', { displayName: `Millrace ${stage.name} alarms`, enforceSSL: true })
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    )
    const tell = new SnsAction(topic)
    for (const { id, metric, threshold, periods, means, runbook } of alarms) {
      const alarm = new Alarm(this, id, {
        metric,
        threshold,
        evaluationPeriods: periods,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        // Nothing measured is nothing done, and that is no fault.
        treatMissingData: TreatMissingData.NOT_BREACHING,
        alarmDescription: `${means}. What to do: docs/runbook.md#${runbook}`,
      })
      alarm.addAlarmAction(tell)
      alarm.addOkAction(tell)
    }
    if (stage.dashboard) this.dashboard(stage, panels)
    new CfnOutput(this, 'AlarmTopicArn', { value: topic.topicArn })
  }
  /** The way of a row, from left to right and top to bottom: the door, the queues, the loaders, the database. */
  private dashboard(stage: Stage, panels: readonly Panel[]): void {
    const widgets = panels.map(({ title, metrics }) => new GraphWidget({ title, left: [...metrics], width: 12 }))
    const rows = Array.from({ length: Math.ceil(widgets.length / 2) }, (_, row) => widgets.slice(row * 2, row * 2 + 2))
    new Dashboard(this, 'Dashboard', { dashboardName: `millrace-${stage.name}`, widgets: rows })
  }
}
