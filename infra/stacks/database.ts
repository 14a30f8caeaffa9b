import { Duration, SecretValue, Stack } from 'aws-cdk-lib'
import { Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import { Key } from 'aws-cdk-lib/aws-kms'
import { ClientPasswordAuthType, DatabaseProxy, DatabaseSecret, ProxyTarget } from 'aws-cdk-lib/aws-rds'
import { type ISecret, Secret, SecretRotation } from 'aws-cdk-lib/aws-secretsmanager'
import { Trigger } from 'aws-cdk-lib/triggers'
import type { Construct } from 'constructs'
import { acknowledge } from '../constructs/acknowledge.ts'
import type { AlarmSpec } from '../constructs/alarm-spec.ts'
import { Aurora, databaseName } from '../constructs/aurora.ts'
import { type Database, migrateFunction, migrateTimeout } from '../constructs/database.ts'
import { Network } from '../constructs/network.ts'
import type { Panel } from '../constructs/panel.ts'
import type { Placement, VerbFunction } from '../constructs/verb-function.ts'
import type { DatabaseValues, Stage } from '../stage.ts'

/** The role that migrations create for loaders: it may write rows and the ledger, and own nothing. */
const loaderName = 'millrace_loader'
/** RDS Proxy listens here for PostgreSQL and nowhere else. */
const proxyPort = 5432

export interface DatabaseProps {
  readonly stage: Stage
  readonly values: DatabaseValues
}

/**
 * Network, Aurora, migrations, and the proxy, in this order: the proxy's targets become available only when the
 * loaders' role can log in, and CloudFormation waits for that; the role is made by the migrations.
 */
export class DatabaseStack extends Stack implements Database {
  readonly connection: Secret
  readonly migrate: VerbFunction
  readonly placement: Placement
  readonly alarms: readonly AlarmSpec[]
  readonly panels: readonly Panel[]
  readonly #key: Key
  readonly #network: Network
  readonly #aurora: Aurora
  readonly #loader: ISecret
  readonly #proxy: DatabaseProxy

  constructor(scope: Construct, id: string, { stage, values }: DatabaseProps) {
    super(scope, id, {
      description: `Millrace ${stage.name}: network, Aurora and its proxy`,
      terminationProtection: stage.deletionProtection,
    })
    this.#key = new Key(this, 'Key', {
      enableKeyRotation: true,
      removalPolicy: stage.removal,
      description: `Millrace ${stage.name}: database`,
    })
    this.#network = new Network(this, 'Network', stage, values.zones)
    const { vpc, subnets } = this.#network

    const inside = new SecurityGroup(this, 'AuroraGroup', { vpc, description: 'Aurora', allowAllOutbound: false })
    this.#aurora = new Aurora(this, 'Aurora', { stage, values, network: this.#network, key: this.#key, securityGroup: inside })
    const { cluster } = this.#aurora
    this.panels = this.#aurora.panels
    this.#loader = new DatabaseSecret(this, 'LoaderSecret', {
      username: loaderName,
      dbname: databaseName,
      encryptionKey: this.#key,
    }).attach(cluster)

    const migrateGroup = this.#network.client('MigrateGroup', 'migrate')
    inside.addIngressRule(migrateGroup, Port.tcp(proxyPort), 'migrate')
    migrateGroup.addEgressRule(inside, Port.tcp(proxyPort), 'Aurora')
    this.migrate = migrateFunction(this, {
      stage,
      owner: cluster.secret!,
      loader: this.#loader,
      placement: { vpc, vpcSubnets: subnets, securityGroups: [migrateGroup] },
    }).mayDecrypt(this.#key, 'secretsmanager')
    const migrations = new Trigger(this, 'Migrations', {
      handler: this.migrate.fn,
      timeout: migrateTimeout,
      executeAfter: [this.#network, this.#aurora, this.#loader, inside],
    })

    this.alarms = [...this.#aurora.alarms, ...this.migrate.alarms]

    const proxyGroup = new SecurityGroup(this, 'ProxyGroup', { vpc, description: 'RDS Proxy', allowAllOutbound: false })
    proxyGroup.addEgressRule(inside, Port.tcp(proxyPort), 'Aurora')
    this.#proxy = this.proxy(values, proxyGroup)
    // Not the whole proxy: its role is in the key's policy, and all else waits for the key.
    this.#proxy.node.findChild('ProxyTargetGroup').node.addDependency(migrations)
    this.rotate()

    const loaderGroup = this.#network.client('LoaderGroup', 'load-chunk')
    proxyGroup.addIngressRule(loaderGroup, Port.tcp(proxyPort), 'load-chunk')
    loaderGroup.addEgressRule(proxyGroup, Port.tcp(proxyPort), 'RDS Proxy')
    this.placement = { vpc, vpcSubnets: subnets, securityGroups: [loaderGroup] }
    this.connection = this.connectionSecret()
  }

  /** A token for this one role, and the key of the secret that says where the proxy is. */
  mayConnect(loader: VerbFunction): void {
    this.#proxy.grantConnect(loader.fn, loaderName)
    loader.mayDecrypt(this.#key, 'secretsmanager')
  }

  private proxy(values: DatabaseValues, securityGroup: SecurityGroup): DatabaseProxy {
    return new DatabaseProxy(this, 'Proxy', {
      proxyTarget: ProxyTarget.fromCluster(this.#aurora.cluster),
      secrets: [this.#loader],
      iamAuth: true,
      requireTLS: true,
      clientPasswordAuthType: ClientPasswordAuthType.POSTGRES_SCRAM_SHA_256,
      maxConnectionsPercent: values.proxyConnections,
      vpc: this.#network.vpc,
      vpcSubnets: this.#network.subnets,
      securityGroups: [securityGroup],
    })
  }

  /** Every 30 days a new password for both roles, by AWS' own rotation function. */
  private rotate(): void {
    const { vpc, subnets } = this.#network
    const { cluster } = this.#aurora
    const securityGroup = this.#network.client('RotationGroup', 'Rotation of passwords')
    securityGroup.addEgressRule(cluster.connections.securityGroups[0]!, Port.tcp(proxyPort), 'Aurora')
    const secrets = { OwnerRotation: cluster.secret!, LoaderRotation: this.#loader }
    for (const [id, secret] of Object.entries(secrets)) {
      new SecretRotation(this, id, {
        secret,
        application: cluster.singleUserRotationApplication,
        target: cluster,
        vpc,
        vpcSubnets: subnets,
        securityGroup,
        automaticallyAfter: Duration.days(30),
        // At once would be before the migrations have made the role.
        rotateImmediatelyOnUpdate: false,
      })
    }
  }

  private connectionSecret(): Secret {
    const value = this.toJsonString({ host: this.#proxy.endpoint, port: proxyPort, dbname: databaseName, username: loaderName, tls: true })
    const connection = new Secret(this, 'Connection', {
      description: 'Where and as whom loaders connect; the password is an IAM token',
      encryptionKey: this.#key,
      secretStringValue: SecretValue.unsafePlainText(value),
    })
    acknowledge(connection, 'SMG4', 'It holds an address and a name, no password: there is nothing to rotate')
    return connection
  }
}
