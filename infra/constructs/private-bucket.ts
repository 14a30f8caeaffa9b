import { Aws, type Duration } from 'aws-cdk-lib'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, type CorsRule, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import type { Stage } from '../stage.ts'
import { acknowledge } from './acknowledge.ts'

export interface PrivateBucketProps {
  readonly stage: Stage
  readonly key: IKey | undefined
  /** Where server access logs go; undefined where the stage keeps none. */
  readonly logs: Bucket | undefined
  /** Objects are deleted after this. */
  readonly retention: Duration
  /** Multipart uploads that nobody completed are aborted after this. */
  readonly abortUploads: Duration
  readonly cors?: CorsRule
}

/** A bucket nobody outside can read, that speaks TLS only, encrypts, and forgets by lifecycle. */
export class PrivateBucket extends Construct {
  /** Known before the bucket exists, so that policies which the bucket itself waits for can name it. */
  readonly name: string
  readonly arn: string
  /** Every object in it. Tenants are prefixes, and one function serves them all, so this is as narrow as IAM can say it. */
  readonly objects: string
  /** What cdk-nag calls a permission on them. */
  readonly finding: string
  readonly bucket: Bucket

  constructor(scope: Construct, id: string, props: PrivateBucketProps) {
    super(scope, id)
    const { stage, key } = props
    this.name = `millrace-${stage.name}-${id}-${Aws.ACCOUNT_ID}-${Aws.REGION}`
    this.arn = `arn:${Aws.PARTITION}:s3:::${this.name}`
    this.objects = `${this.arn}/*`
    this.finding = `IAM5[Resource::arn:<AWS::Partition>:s3:::millrace-${stage.name}-${id}-<AWS::AccountId>-<AWS::Region>/*]`
    this.bucket = new Bucket(this, 'Bucket', {
      bucketName: this.name,
      removalPolicy: stage.removal,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      // One data key serves many objects: without it every part and every ranged read would be a call to KMS.
      ...(key
        ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      lifecycleRules: [{ id: 'forget', expiration: props.retention, abortIncompleteMultipartUploadAfter: props.abortUploads }],
      ...(props.cors ? { cors: [props.cors] } : {}),
    })
    if (props.logs) this.cfn.loggingConfiguration = { destinationBucketName: props.logs.bucketName, logFilePrefix: `${id}/` }
    else acknowledge(this.bucket, 'S1', 'This stage keeps no server access logs: it runs on an emulator, which writes none')
  }

  /** The L1 form: the L2 one needs a custom resource, which is refused or never run by the emulators. */
  notify(queueArn: string): void {
    this.cfn.notificationConfiguration = { queueConfigurations: [{ event: 's3:ObjectCreated:*', queue: queueArn }] }
  }

  private get cfn(): CfnBucket {
    return this.bucket.node.defaultChild as CfnBucket
  }
}
