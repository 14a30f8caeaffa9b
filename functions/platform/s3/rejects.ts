import { Readable } from 'node:stream'
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { RequestError } from '#core/errors.ts'
import { isAwsError } from '#platform/aws-errors.ts'
import type { Bucket } from './bucket.ts'

/** Life of a download URL, seconds: to click, not to keep. The download itself may take longer. */
const urlSeconds = 900
/** API Gateway gives up after 29 s; a load with more rejects than can be joined in this time is read page by page. */
const joinSeconds = 20

/** A chunk's rejects from a byte offset on. */
export const readRejects = ({ client, name }: Bucket) =>
  async function* (key: string, offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    const body = await openBody(client, name, key, offset)
    try {
      for await (const piece of body) yield piece as Uint8Array
    } finally {
      // A page ends in the middle of an object: the rest is not read, and its connection not kept.
      body.destroy()
    }
  }

async function openBody(client: Bucket['client'], bucket: string, key: string, offset: number): Promise<Readable> {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...(offset > 0 && { Range: `bytes=${offset}-` }) }))
    return Body as Readable
  } catch (error) {
    if (isAwsError(error, 'InvalidRange', 416)) return Readable.from([])
    if (!isAwsError(error, 'NoSuchKey', 404)) throw error
    const detail = 'The rejected rows are deleted after the time this deployment keeps them; the counts in the receipt remain'
    throw new RequestError('rejects-expired', detail, { cause: error })
  }
}

export const hasFile =
  ({ client, name }: Bucket) =>
  async (key: string): Promise<boolean> => {
    try {
      await client.send(new HeadObjectCommand({ Bucket: name, Key: key }))
      return true
    } catch (error) {
      if (isAwsError(error, 'NotFound', 404)) return false
      throw error
    }
  }

export const storeFile =
  ({ client, name }: Bucket) =>
  async (key: string, contentType: string, pieces: AsyncIterable<string>): Promise<void> => {
    const body = Readable.from(pieces, { objectMode: false })
    const upload = new Upload({
      client,
      params: { Bucket: name, Key: key, Body: body, ContentType: contentType },
      partSize: 8 * 1024 * 1024,
      queueSize: 2,
    })
    const timer = setTimeout(() => void upload.abort(), joinSeconds * 1000)
    try {
      await upload.done()
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) throw error
      const detail = `There are more rejects than can be joined in ${joinSeconds} s; read them page by page, without download=true`
      throw new RequestError('unavailable', detail, { cause: error })
    } finally {
      clearTimeout(timer)
      body.destroy()
    }
  }

export const fileUrl =
  ({ client, name }: Bucket) =>
  (key: string, fileName: string): Promise<string> => {
    const command = new GetObjectCommand({ Bucket: name, Key: key, ResponseContentDisposition: `attachment; filename="${fileName}"` })
    return getSignedUrl(client, command, { expiresIn: urlSeconds })
  }
