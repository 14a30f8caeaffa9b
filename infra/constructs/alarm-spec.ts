import type { Metric } from 'aws-cdk-lib/aws-cloudwatch'

/**
 * An alarm as the construct that knows its resource declares it. The `watch` stack makes it real, so that a new
 * function or queue is watched without anyone adding it to a list.
 */
export interface AlarmSpec {
  /** Unique in the stage; the alarm's construct id. */
  readonly id: string
  readonly metric: Metric
  readonly threshold: number
  /** Periods in a row that must breach. */
  readonly periods: number
  /** What it means, in one line for whoever is woken. */
  readonly means: string
  /** Heading in docs/runbook.md that says what to do. */
  readonly runbook: string
}
