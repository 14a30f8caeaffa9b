import { GetObjectCommand } from '@aws-sdk/client-s3'
import type { StoredLetters } from '#core/batches/dead-letter.ts'
import { isAwsError } from '#platform/aws-errors.ts'
import type { Bucket } from './bucket.ts'

/** A batch of Lambda's is 6 MB at most; as a string in JSON it may be twice as long. */
const mostBytes = 32 * 1024 * 1024

/** An object of the dead-letters bucket; undefined when it is gone. Needs s3:ListBucket: without it S3 answers 403 for what is not there. */
export const readLetters =
  ({ client, name }: Bucket) =>
  async (key: string): Promise<StoredLetters | undefined> => {
    try {
      const { Body, Metadata = {}, ContentLength = 0 } = await client.send(new GetObjectCommand({ Bucket: name, Key: key }))
      if (ContentLength > mostBytes) throw new Error(`${key} has ${ContentLength} bytes: nothing of ours writes so much`)
      return { key, body: Buffer.from(await Body!.transformToByteArray()), metadata: Metadata }
    } catch (error) {
      if (isAwsError(error, 'NoSuchKey', 404)) return undefined
      throw error
    }
  }
