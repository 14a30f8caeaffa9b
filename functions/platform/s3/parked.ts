import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { StreamRecord } from '#core/stream-record.ts'
import { isAwsError } from '#platform/aws-errors.ts'

/** Digits of a sequence number in a key, whose order is then that of the stream: Kinesis' have 56. */
const digits = 56
const placeOf = ({ sequenceNumber }: StreamRecord): string => sequenceNumber.padStart(digits, '0')

/** Objects with parked records, `parked/<dataset>/<first sequence number>-<last>`: what a consumer was handed of a dataset at once, 6 MB at most. */
export function parkedObjects(s3: S3Client, bucket: string) {
  return {
    /** The same records have the same key; fewer or more of them another one, so that none takes another's place. */
    async put(dataset: string, records: readonly StreamRecord[]): Promise<string> {
      const key = `parked/${dataset}/${placeOf(records[0]!)}-${placeOf(records.at(-1)!)}`
      const Body = JSON.stringify(records.map((record) => ({ ...record, data: record.data.toString('base64') })))
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentType: 'application/json' }))
      return key
    },
    async list(dataset: string): Promise<string[]> {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `parked/${dataset}/`, MaxKeys: 100 }))
      return Contents.map(({ Key }) => Key!).sort()
    },
    async read(key: string): Promise<StreamRecord[] | undefined> {
      try {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
        const records = JSON.parse(await Body!.transformToString()) as (Omit<StreamRecord, 'data'> & { data: string })[]
        return records.map((record) => ({ ...record, data: Buffer.from(record.data, 'base64') }))
      } catch (error) {
        if (isAwsError(error, 'NoSuchKey', 404)) return undefined
        throw error
      }
    },
    async remove(key: string): Promise<void> {
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
    },
  }
}
