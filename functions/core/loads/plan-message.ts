/** What the plan queue carries: an object that S3 has created, or a load to go through again. */
export type PlanMessage =
  | { readonly kind: 'object'; readonly key: string; readonly size: number }
  | { readonly kind: 'replay'; readonly load: string }

/**
 * Reads a message of the plan queue. S3's own test event gives nothing; what is not understood gives undefined.
 * Form of S3's: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function parsePlanMessage(body: string): PlanMessage[] | undefined {
  let message: unknown
  try {
    message = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof message !== 'object' || message === null) return undefined
  if ('Event' in message && message.Event === 's3:TestEvent') return []
  if ('replay' in message) return typeof message.replay === 'string' ? [{ kind: 'replay', load: message.replay }] : undefined
  if (!('Records' in message) || !Array.isArray(message.Records)) return undefined
  const objects = message.Records.map(objectOf)
  return objects.includes(undefined) ? undefined : (objects as PlanMessage[])
}

interface S3Record {
  readonly s3?: { readonly object?: { readonly key?: unknown; readonly size?: unknown } }
}

function objectOf(record: S3Record | null): PlanMessage | undefined {
  const { key, size } = record?.s3?.object ?? {}
  if (typeof key !== 'string' || typeof size !== 'number') return undefined
  try {
    // Keys in notifications are form-encoded: a space is a plus.
    return { kind: 'object', key: decodeURIComponent(key.replaceAll('+', ' ')), size }
  } catch {
    return undefined
  }
}
