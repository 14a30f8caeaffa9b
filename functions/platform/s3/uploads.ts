import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { crc32FromBase64, crc32ToBase64 } from '#core/loads/crc32.ts'
import type { CompleteOutcome, StoredObject, UploadedPart } from '#core/loads/upload.ts'
import { isAwsError } from '#platform/aws-errors.ts'
import type { Bucket } from './bucket.ts'

/** The multipart uploads of the raw bucket. */
export interface UploadTarget {
  readonly objectKey: string
  readonly uploadId: string
}

/** ListParts answers 1,000 at a time, and there are 10,000 at most. */
const maxListPages = 11

export const createUpload =
  ({ client, name }: Bucket) =>
  async (upload: { objectKey: string; load: string; traceparent: string; contentType: string }): Promise<string> => {
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({
        Bucket: name,
        Key: upload.objectKey,
        ChecksumAlgorithm: 'CRC32',
        ContentType: upload.contentType,
        Metadata: { load: upload.load, traceparent: upload.traceparent },
      }),
    )
    if (UploadId === undefined) throw new Error('S3 opened a multipart upload without an id')
    return UploadId
  }

/** A URL that takes exactly this part: its number, length and CRC32 are signed. */
export const signPart =
  ({ client, name }: Bucket) =>
  async (target: UploadTarget, part: { number: number; size: number; crc32: number }, seconds: number) => {
    const checksum = crc32ToBase64(part.crc32)
    const command = new UploadPartCommand({
      Bucket: name,
      Key: target.objectKey,
      UploadId: target.uploadId,
      PartNumber: part.number,
      ContentLength: part.size,
      ChecksumCRC32: checksum,
    })
    // Left to itself the presigner moves x-amz-* headers into the query, where S3 does not check the body against them.
    const unhoistableHeaders = new Set(['x-amz-checksum-crc32'])
    const url = await getSignedUrl(client, command, { expiresIn: seconds, unhoistableHeaders })
    return { url, headers: { 'x-amz-checksum-crc32': checksum, 'content-length': String(part.size) } }
  }

/** The parts that S3 has, or undefined when there is no such upload (any more). */
export const listParts =
  ({ client, name }: Bucket) =>
  async ({ objectKey, uploadId }: UploadTarget): Promise<UploadedPart[] | undefined> => {
    const parts: UploadedPart[] = []
    let marker: string | undefined
    for (let page = 0; page < maxListPages; page++) {
      const answer = await unlessGone(() =>
        client.send(
          new ListPartsCommand({
            Bucket: name,
            Key: objectKey,
            UploadId: uploadId,
            ...(marker !== undefined && { PartNumberMarker: marker }),
          }),
        ),
      )
      if (!answer) return undefined
      for (const { PartNumber = 0, Size = 0, ChecksumCRC32, ETag = '' } of answer.Parts ?? [])
        parts.push({
          number: PartNumber,
          size: Size,
          crc32: ChecksumCRC32 === undefined ? undefined : crc32FromBase64(ChecksumCRC32),
          etag: ETag,
        })
      if (!answer.IsTruncated) return parts
      marker = answer.NextPartNumberMarker
    }
    throw new Error('S3 lists more parts than an upload can have')
  }

/** Asks S3 to join the parts; S3 itself checks each part's checksum and the size, and that no object is there yet. */
export const joinParts =
  ({ client, name }: Bucket) =>
  async ({ objectKey, uploadId }: UploadTarget, parts: readonly UploadedPart[], size: number): Promise<CompleteOutcome> => {
    try {
      await client.send(
        new CompleteMultipartUploadCommand({
          Bucket: name,
          Key: objectKey,
          UploadId: uploadId,
          IfNoneMatch: '*',
          MpuObjectSize: size,
          MultipartUpload: {
            Parts: parts.map(({ number, etag, crc32 }) => ({ PartNumber: number, ETag: etag, ChecksumCRC32: crc32ToBase64(crc32 ?? 0) })),
          },
        }),
      )
      return 'joined'
    } catch (error) {
      if (isAwsError(error, 'NoSuchUpload', 'PreconditionFailed', 'ConditionalRequestConflict', 404, 409, 412)) return 'look'
      if (isAwsError(error, 'InvalidPart', 'InvalidPartOrder', 'BadDigest')) return 'changed'
      throw error
    }
  }

/** Frees the parts. @returns false when there was no such upload (any more) */
export const dropUpload =
  ({ client, name }: Bucket) =>
  async ({ objectKey, uploadId }: UploadTarget): Promise<boolean> => {
    const answer = await unlessGone(() =>
      client.send(new AbortMultipartUploadCommand({ Bucket: name, Key: objectKey, UploadId: uploadId })),
    )
    return answer !== undefined
  }

/** What is there under a key, or undefined when nothing is. Needs s3:ListBucket: without it S3 answers 403 for what is not there. */
export const headObject =
  ({ client, name }: Bucket) =>
  async (objectKey: string): Promise<StoredObject | undefined> => {
    const head = await unlessGone(() => client.send(new HeadObjectCommand({ Bucket: name, Key: objectKey })))
    return head && { size: head.ContentLength ?? 0, load: head.Metadata?.load }
  }

async function unlessGone<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call()
  } catch (error) {
    if (isAwsError(error, 'NoSuchUpload', 'NotFound', 404)) return undefined
    throw error
  }
}
