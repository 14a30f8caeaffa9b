import { Duration } from 'aws-cdk-lib'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { Stage } from '../stage.ts'
import type { AlarmSpec } from './alarm-spec.ts'
import type { Panel } from './panel.ts'

export interface WorkQueueProps {
  readonly stage: Stage
  readonly key: IKey | undefined
  /** Timeout of the function that reads it. */
  readonly consumerTimeout: Duration
  /** Age of the oldest message at which someone should look. */
  readonly oldestMessage: Duration
}

/** Times a message is received before it is set aside: one for the work, the rest for outages and lost workers. */
const receives = 5

/** A queue with the place where its failures go, and the alarms for both. */
export class WorkQueue extends Construct {
  readonly queue: Queue
  readonly deadLetters: Queue
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id)
    const { stage, key } = props
    const common: QueueProps = {
      removalPolicy: stage.removal,
      enforceSSL: true,
      // SQS' most, so that a weekend's outage loses nothing.
      retentionPeriod: Duration.days(14),
      ...(key
        ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key, dataKeyReuse: Duration.hours(1) }
        : { encryption: QueueEncryption.SQS_MANAGED }),
    }
    // Twice what the function that reads it may take.
    this.deadLetters = new Queue(this, 'DeadLetters', { ...common, visibilityTimeout: Duration.minutes(2) })
    this.queue = new Queue(this, 'Queue', {
      ...common,
      visibilityTimeout: Duration.seconds(props.consumerTimeout.toSeconds() * stage.visibilityFactor),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: receives },
    })
    const period = Duration.minutes(1)
    this.panels = [
      {
        title: `Queue ${id}: messages`,
        metrics: [
          this.queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum', label: 'waiting' }),
          this.queue.metricApproximateNumberOfMessagesNotVisible({ period, statistic: 'Maximum', label: 'in work' }),
          this.deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum', label: 'dead letters' }),
        ],
      },
      {
        title: `Queue ${id}: age of the oldest message (s)`,
        metrics: [this.queue.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum' })],
      },
    ]
    this.alarms = [
      {
        id: `${id}-dead-letters`,
        metric: this.deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum' }),
        threshold: 1,
        periods: 1,
        means: `A message of the ${id} queue failed ${receives} times and was set aside`,
        runbook: 'dead-letters',
      },
      {
        id: `${id}-oldest-message`,
        metric: this.queue.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum' }),
        threshold: props.oldestMessage.toSeconds(),
        periods: 5,
        means: `Work waits in the ${id} queue for more than ${props.oldestMessage.toMinutes()} minutes`,
        runbook: 'oldest-message',
      },
    ]
  }
}
