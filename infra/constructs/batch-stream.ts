import { Duration } from 'aws-cdk-lib'
import { Stream, StreamEncryption, StreamMode } from 'aws-cdk-lib/aws-kinesis'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import type { Stage } from '../stage.ts'
import { acknowledge } from './acknowledge.ts'
import type { AlarmSpec } from './alarm-spec.ts'
import type { Panel } from './panel.ts'

/** The stream of batches: what the door has acknowledged and no consumer has committed yet is here and nowhere else. */
export class BatchStream extends Construct {
  readonly stream: Stream
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]

  constructor(scope: Construct, id: string, { stage, key }: { readonly stage: Stage; readonly key: IKey | undefined }) {
    super(scope, id)
    const { shards, retention } = stage.stream
    this.stream = new Stream(this, 'Stream', {
      ...(shards === undefined ? { streamMode: StreamMode.ON_DEMAND } : { streamMode: StreamMode.PROVISIONED, shardCount: shards }),
      retentionPeriod: retention,
      removalPolicy: stage.removal,
      ...(key ? { encryption: StreamEncryption.KMS, encryptionKey: key } : { encryption: StreamEncryption.MANAGED }),
    })
    if (key)
      acknowledge(this.stream, 'KDS3', 'The stage has a key of its own for all data at rest: who may read it is then said in one place')
    const period = Duration.minutes(1)
    this.panels = [
      {
        title: 'Stream: records and bytes in',
        metrics: [
          this.stream.metricIncomingRecords({ period, statistic: 'Sum', label: 'records' }),
          this.stream.metricIncomingBytes({ period, statistic: 'Sum', label: 'bytes' }),
        ],
      },
      {
        title: 'Stream: records refused for throughput',
        metrics: [this.stream.metricPutRecordsThrottledRecords({ period, statistic: 'Sum' })],
      },
    ]
    this.alarms = [
      {
        id: `${id}-throttled`,
        metric: this.stream.metricPutRecordsThrottledRecords({ period, statistic: 'Sum' }),
        threshold: 1,
        periods: 5,
        means: 'The stream refuses records for its throughput, minute after minute: batches are slow, or answered with 503',
        runbook: 'stream-throttled',
      },
    ]
  }
}
