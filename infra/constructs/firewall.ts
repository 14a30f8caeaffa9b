import type { RestApi } from 'aws-cdk-lib/aws-apigateway'
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2'
import type { Construct } from 'constructs'

/**
 * A web ACL with one rule: no address may send more than `rate` requests in five minutes. It stands before the
 * authorizer, so guessing keys costs us nothing. AWS' rule sets are left out: they read bodies as attacks, and ours are data.
 */
export function rateLimitAddresses(scope: Construct, api: RestApi, rate: number): void {
  const visible = (name: string) => ({ cloudWatchMetricsEnabled: true, metricName: name, sampledRequestsEnabled: false })
  const acl = new CfnWebACL(scope, 'Firewall', {
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    visibilityConfig: visible('MillraceFirewall'),
    rules: [
      {
        name: 'address-rate',
        priority: 0,
        action: { block: {} },
        statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: rate, evaluationWindowSec: 300 } },
        visibilityConfig: visible('MillraceAddressRate'),
      },
    ],
  })
  new CfnWebACLAssociation(scope, 'FirewallAssociation', { resourceArn: api.deploymentStage.stageArn, webAclArn: acl.attrArn })
}
