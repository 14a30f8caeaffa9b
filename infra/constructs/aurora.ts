import { Duration } from 'aws-cdk-lib'
import type { SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import type { Key } from 'aws-cdk-lib/aws-kms'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import {
  AuroraPostgresEngineVersion,
  CaCertificate,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
} from 'aws-cdk-lib/aws-rds'
import { Construct } from 'constructs'
import type { DatabaseValues, Stage } from '../stage.ts'
import { acknowledge } from './acknowledge.ts'
import type { AlarmSpec } from './alarm-spec.ts'
import type { Network } from './network.ts'
import type { Panel } from './panel.ts'

export const databaseName = 'millrace'

export interface AuroraProps {
  readonly stage: Stage
  readonly values: DatabaseValues
  readonly network: Network
  readonly key: Key
  readonly securityGroup: SecurityGroup
}

/** Aurora Serverless v2, PostgreSQL of the version that the tests run against. */
export class Aurora extends Construct {
  readonly cluster: DatabaseCluster
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]

  constructor(scope: Construct, id: string, { stage, values, network, key, securityGroup }: AuroraProps) {
    super(scope, id)
    const clusterIdentifier = `millrace-${stage.name}`
    // RDS would create it by itself, and keep it for ever.
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/rds/cluster/${clusterIdentifier}/postgresql`,
      retention: stage.logRetentionDays,
      removalPolicy: stage.removal,
    })
    const instance = {
      caCertificate: CaCertificate.RDS_CA_RSA2048_G1,
      enablePerformanceInsights: true,
      performanceInsightEncryptionKey: key,
    }
    this.cluster = new DatabaseCluster(this, 'Cluster', {
      clusterIdentifier,
      engine: DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_18_4 }),
      writer: ClusterInstance.serverlessV2('writer', instance),
      // A reader that scales with the writer can take its place at once.
      readers: Array.from({ length: values.readers }, (_, n) =>
        ClusterInstance.serverlessV2(`reader${n}`, { ...instance, scaleWithWriter: true }),
      ),
      serverlessV2MinCapacity: values.minCapacity,
      serverlessV2MaxCapacity: values.maxCapacity,
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      securityGroups: [securityGroup],
      credentials: Credentials.fromGeneratedSecret('millrace_owner', { encryptionKey: key }),
      defaultDatabaseName: databaseName,
      iamAuthentication: true,
      storageEncrypted: true,
      storageEncryptionKey: key,
      backup: { retention: values.backups },
      copyTagsToSnapshot: true,
      deletionProtection: stage.deletionProtection,
      removalPolicy: stage.removal,
      cloudwatchLogsExports: ['postgresql'],
      parameters: {
        'rds.force_ssl': '1',
        // An error inside COPY would else put the offending row into the log.
        log_error_verbosity: 'terse',
        // Lambda may be gone without a word; its transaction must not hold locks for longer than a chunk may take.
        idle_in_transaction_session_timeout: String(stage.chunkTimeout.toMilliseconds()),
      },
    })
    this.cluster.node.addDependency(logGroup)
    if (!stage.deletionProtection) acknowledge(this.cluster, 'RDS10', 'This stage holds test data and is made to be deleted')
    acknowledge(this.cluster, 'RDS11', 'No address outside the VPC reaches it, so an unusual port would hide it from nobody')
    this.alarms = this.alarmsOf(stage)
    const period = Duration.minutes(1)
    this.panels = [
      { title: 'Aurora: capacity (ACU)', metrics: [this.cluster.metric('ServerlessDatabaseCapacity', { period, statistic: 'Average' })] },
      { title: 'Aurora: CPU (%)', metrics: [this.cluster.metricCPUUtilization({ period })] },
      { title: 'Aurora: connections', metrics: [this.cluster.metricDatabaseConnections({ period, statistic: 'Maximum' })] },
    ]
  }

  private alarmsOf(stage: Stage): AlarmSpec[] {
    const period = Duration.minutes(5)
    return [
      {
        id: 'database-cpu',
        metric: this.cluster.metricCPUUtilization({ period }),
        threshold: 90,
        periods: 3,
        means: 'Aurora’s CPU is used up: loads slow down',
        runbook: 'database-cpu',
      },
      {
        id: 'database-capacity',
        metric: this.cluster.metric('ACUUtilization', { period, statistic: 'Average' }),
        threshold: 95,
        periods: 3,
        means: 'Aurora is at its largest capacity and cannot grow',
        runbook: 'database-capacity',
      },
      {
        id: 'database-connections',
        metric: this.cluster.metricDatabaseConnections({ period, statistic: 'Maximum' }),
        // A loader holds one connection; staging slots are twice the loaders.
        threshold: stage.stagingSlots * 4,
        periods: 2,
        means: 'Far more connections than loaders are open',
        runbook: 'database-connections',
      },
    ]
  }
}
