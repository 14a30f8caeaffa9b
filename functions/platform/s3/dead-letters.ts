import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { DeadLetter } from '#core/batches/dead-letter.ts'
import type { EnvelopeHeader } from '#core/batches/envelope.ts'
import type { LoadError } from '#core/errors.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import { log } from '#platform/log.ts'
import { count } from '#platform/metrics.ts'

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

/** Keeps a message of a queue whole that belongs to no load. Seen again, it is written again. */
export async function noteMessage(s3: S3Client, bucket: string, messageId: string, body: string, reason: string): Promise<void> {
  count('MessagesUnknown')
  const key = `messages/${plain(messageId)}.json`
  log.error('message belongs to no load', { code: 'message-unknown', key, reason })
  const note = { code: 'message-unknown', reason, seenAt: new Date().toISOString(), body }
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: `${JSON.stringify(note)}\n`, ContentType: 'application/json' }))
}

/** Tells of work of a load that no function could do. */
export function countGivenUp(load: string, what: string): void {
  count('LoadsGivenUp')
  log.error('load given up', { code: 'dead-letter', load, what })
}

/** Printable ASCII of a length that fits into an S3 key or its metadata: what stands in a record that cannot be read may be anything. */
const plain = (text: string): string => (/^[!-.0-~]{1,128}$/.test(text) ? text : encodeURIComponent(text).slice(0, 128))

/** Keeps a record of the stream whole, with its place and the reason. Seen again, it is written again. */
export async function setAside(
  s3: S3Client,
  bucket: string,
  record: StreamRecord,
  header: EnvelopeHeader | undefined,
  { problem }: LoadError,
): Promise<void> {
  const { sequenceNumber, partitionKey, shard, arrivedAt, data } = record
  const folder = header ? [header.tenant, header.dataset, header.load].map(plain).join('/') : `unreadable/${plain(shard)}`
  const key = `envelopes/${folder}/${header ? `${header.chunk}-` : ''}${sequenceNumber}`
  log.error('record set aside', { code: problem.code, detail: problem.detail, key, load: header?.load, chunk: header?.chunk })
  await s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: data,
      ContentType: 'application/octet-stream',
      Metadata: {
        reason: problem.code,
        'partition-key': /^[!-~]{1,256}$/.test(partitionKey) ? partitionKey : plain(partitionKey),
        'sequence-number': sequenceNumber,
        'arrived-at': arrivedAt,
      },
    }),
  )
}

/** Tells of an object, or a record in it, that nobody can send again by itself. It stays where it is. */
export function countUnreadable(key: string, record: number | undefined, why: string): void {
  count('DeadLettersUnreadable')
  log.error('dead letter that belongs to no load', { key, record, reason: why })
}

/** Tells of chunks that were set aside. */
export function countDead(deadLetters: readonly DeadLetter[]): void {
  count('DeadLetters', deadLetters.length)
  for (const { load, tenant, chunk, object, record, reason } of deadLetters)
    log.error('chunk set aside', { code: 'dead-letter', load, tenant, chunk, key: object, record, reason })
}
