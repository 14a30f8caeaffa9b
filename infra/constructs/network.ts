import { Aws } from 'aws-cdk-lib'
import {
  FlowLogDestination,
  FlowLogTrafficType,
  type GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { Stage } from '../stage.ts'

/** What functions in the VPC talk to besides S3, DynamoDB and Postgres. Each costs by the hour and zone, so no more than these. */
const services = {
  Sqs: InterfaceVpcEndpointAwsService.SQS,
  Secrets: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  XRay: InterfaceVpcEndpointAwsService.XRAY,
}

/** A VPC with no way out: no internet gateway, no NAT, and every AWS service by an endpoint. Rows pass S3's gateway, which is free. */
export class Network extends Construct {
  readonly vpc: IVpc
  readonly subnets = { subnetType: SubnetType.PRIVATE_ISOLATED }
  readonly #doors: SecurityGroup

  constructor(scope: Construct, id: string, stage: Stage, zones: number) {
    super(scope, id)
    const logGroup = new LogGroup(this, 'FlowLogs', { retention: stage.logRetentionDays, removalPolicy: stage.removal })
    // CDK's own classes do not satisfy its interfaces under exactOptionalPropertyTypes; here it is said once.
    this.vpc = new Vpc(this, 'Vpc', {
      maxAzs: zones,
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 20 }],
      flowLogs: {
        // What was refused tells of a wrong rule or of somebody trying; what was allowed are our own connections.
        refused: { destination: FlowLogDestination.toCloudWatchLogs(logGroup), trafficType: FlowLogTrafficType.REJECT },
      },
    }) as IVpc
    this.gateway('S3', GatewayVpcEndpointAwsService.S3, 's3:*')
    this.gateway('DynamoDb', GatewayVpcEndpointAwsService.DYNAMODB, 'dynamodb:*')
    this.#doors = new SecurityGroup(this, 'Doors', { vpc: this.vpc, description: 'Interface endpoints', allowAllOutbound: false })
    for (const [name, service] of Object.entries(services)) {
      this.vpc.addInterfaceEndpoint(name, { service, subnets: this.subnets, securityGroups: [this.#doors], open: false })
    }
  }

  /** A security group for functions: AWS services by TLS, and nothing else until it is allowed. */
  client(id: string, description: string): SecurityGroup {
    const group = new SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false })
    // Gateway endpoints have no security group and addresses known to AWS only; without a way out of the VPC this reaches endpoints alone.
    group.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'AWS services by their endpoints')
    this.#doors.addIngressRule(group, Port.HTTPS, description)
    return group
  }

  /** Through this door no data leaves for another account's buckets or tables. */
  private gateway(name: string, service: GatewayVpcEndpointAwsService, actions: string): GatewayVpcEndpoint {
    const endpoint = this.vpc.addGatewayEndpoint(name, { service, subnets: [this.subnets] })
    endpoint.addToPolicy(
      new PolicyStatement({
        principals: [new AnyPrincipal()],
        actions: [actions],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } },
      }),
    )
    return endpoint
  }
}
