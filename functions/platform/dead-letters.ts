import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { DeadLetter } from '#core/dead-letter.ts'
import { log } from './log.ts'
import { count } from './metrics.ts'

/** Keeps a note of an object that belongs to no load, under its own key: seen again, it is written again. The object itself stays where it is. */
export async function noteOrphan(s3: S3Client, bucket: string, key: string, reason: string): Promise<void> {
  count('ObjectsUnknown')
  log.error('object belongs to no load', { code: 'object-unknown', key, reason })
  await s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: `objects/${key}.json`,
      Body: `${JSON.stringify({ code: 'object-unknown', key, reason, seenAt: new Date().toISOString() })}\n`,
      ContentType: 'application/json',
    }),
  )
}

/** Tells of an object, or a record in it, that nobody can send again by itself. It stays where it is. */
export function countUnreadable(key: string, record: number | undefined, why: string): void {
  count('DeadLettersUnreadable')
  log.error('dead letter that belongs to no load', { key, record, reason: why })
}

/** Tells of chunks that were set aside. */
export function countDead(letters: readonly DeadLetter[]): void {
  count('DeadLetters', letters.length)
  for (const { load, tenant, chunk, object, record, reason } of letters)
    log.error('chunk set aside', { code: 'dead-letter', load, tenant, chunk, key: object, record, reason })
}
