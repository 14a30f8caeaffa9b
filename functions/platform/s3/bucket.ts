import { S3Client } from '@aws-sdk/client-s3'

export interface Bucket {
  readonly name: string
  readonly client: S3Client
}

/**
 * Path style (`host/bucket/key`) works on AWS and on every emulator, whose host names have no bucket in front.
 * Checksums only where we give them: the SDK would otherwise sign the CRC32 of an empty body into a presigned part URL.
 */
export const openBucket = (name: string): Bucket => ({
  name,
  client: new S3Client({ forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
})
