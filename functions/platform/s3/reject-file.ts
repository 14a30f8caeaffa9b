import { PassThrough } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { rejectOf } from '#core/rejects/reject-row.ts'
import type { Refusal } from '#core/values/reject.ts'

/** Bytes of text gathered before they are handed to the upload. */
const flushBytes = 256 * 1024

/** The rejects of one chunk: NDJSON to one object, streamed: what is held does not grow with the number of bad rows. */
export interface RejectFile {
  readonly count: number
  /** `line` counts from 1 within the chunk; whoever reads the file adds the lines of the chunks before. */
  add(refusal: Refusal, row: { line: number; offset: number; bytes: Buffer; oversized?: boolean }): void
  /** Waits until what was added has room in the upload. */
  flush(): Promise<void>
  /** Resolves when the object is stored; with no rejects there is none. */
  finish(): Promise<void>
  /** Gives up an unfinished upload. */
  abort(): Promise<void>
}

export function rejectFile(s3: S3Client, bucket: string, key: string): RejectFile {
  let text = ''
  let count = 0
  let upload: { body: PassThrough; done: Promise<unknown>; abort: () => Promise<void> } | undefined

  const start = () => {
    const body = new PassThrough({ highWaterMark: flushBytes })
    const job = new Upload({
      client: s3,
      params: { Bucket: bucket, Key: key, Body: body, ContentType: 'application/x-ndjson' },
      queueSize: 1,
      partSize: 5 * 1024 * 1024,
    })
    const done = job.done()
    done.catch((error) => body.destroy(error))
    return { body, done, abort: () => job.abort() }
  }

  const send = async (): Promise<void> => {
    if (text === '') return
    upload ??= start()
    const room = upload.body.write(text)
    text = ''
    if (!room) await Promise.race([new Promise((resolve) => upload!.body.once('drain', resolve)), upload.done])
  }

  return {
    get count() {
      return count
    },
    add(refusal, row) {
      count++
      text += `${JSON.stringify(rejectOf(refusal, row))}\n`
    },
    async flush() {
      if (text.length >= flushBytes) await send()
    },
    async finish() {
      await send()
      upload?.body.end()
      await upload?.done
    },
    async abort() {
      upload?.body.destroy()
      await upload?.abort().catch(() => undefined)
    },
  }
}
