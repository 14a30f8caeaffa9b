import type { Readable } from 'node:stream'
import { GetObjectCommand, type S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import { LoadError } from '#core/errors.ts'

/** The part of an object from byte `from` up to, not including, `to`, as it streams in. */
export type ReadObject = (key: string, from: number, to: number) => AsyncIterable<Buffer>

/** @throws LoadError object-missing: nothing that is retried would bring it back */
export function objectReader(s3: S3Client, bucket: string): ReadObject {
  return async function* (key, from, to) {
    if (to <= from) return
    const body = await openObject(s3, bucket, key, `bytes=${from}-${to - 1}`)
    try {
      for await (const piece of body) yield piece as Buffer
    } finally {
      body.destroy()
    }
  }
}

async function openObject(s3: S3Client, bucket: string, key: string, range: string): Promise<Readable> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range: range }))
    return Body as Readable
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error
    if (error.name === 'NoSuchKey')
      throw new LoadError('object-missing', `The uploaded object ${key} is gone from the bucket; upload the file again.`, { cause: error })
    if (error.name === 'InvalidRange')
      throw new LoadError(
        'object-changed',
        `The uploaded object ${key} is shorter than it was when the load was planned; upload the file again.`,
        { cause: error },
      )
    throw error
  }
}

/** The first bytes of an object: fewer when it is shorter. */
export const readHead = (read: ReadObject, key: string, bytes: number): Promise<Buffer> => readPart(read, key, 0, bytes)

/** A part of an object that is small enough to be held. */
export async function readPart(read: ReadObject, key: string, from: number, to: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of read(key, from, to)) pieces.push(piece)
  return Buffer.concat(pieces)
}
