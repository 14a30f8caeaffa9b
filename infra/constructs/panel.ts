import type { Metric } from 'aws-cdk-lib/aws-cloudwatch'

/** One graph of the dashboard, declared like an alarm by whoever knows the resource. */
export interface Panel {
  readonly title: string
  readonly metrics: readonly Metric[]
}
