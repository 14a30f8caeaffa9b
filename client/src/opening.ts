import type { OpenUploadAnswer, OpenUploadBody } from '../../functions/core/api/contract.ts'
import { crc32ToHex } from '../../functions/core/loads/crc32.ts'
import type { Receipt } from '../../functions/core/loads/receipt.ts'
import type { Content } from './content.ts'
import { PushError } from './errors.ts'
import { contentKey, nextKey, randomKey } from './keys.ts'
import type { Millrace } from './millrace.ts'
import type { PushOptions } from './push-options.ts'
import type { Source } from './source.ts'
import type { CallOptions } from './transport.ts'

interface Opened {
  readonly upload: OpenUploadAnswer
  /** The receipt of the load when the key had one before: receiving, loading or complete. */
  readonly earlier: Receipt | undefined
  readonly key: string
}
interface Deps {
  readonly client: Pick<Millrace, 'openUpload' | 'getReceipt'>
  readonly call: CallOptions
}

/** Loads of one content that may end badly before a push stops making new ones. */
const longestChain = 50

/**
 * Finds or makes the load of a content. One that failed, was aborted or expired can never take these bytes, so the next key of
 * the chain is tried; it is the same for everyone who pushes the content, and the last key is the one whose load counts.
 */
export async function openLoad(source: Source, content: Content, options: PushOptions, { client, call }: Deps): Promise<Opened> {
  const body = openingBody(source, content, options)
  let key = options.key ?? (options.again ? randomKey() : await contentKey(options.dataset, body, content))
  let ended: Receipt | undefined
  for (let link = 0; link < longestChain; link++) {
    const { upload, replayed } = await client.openUpload(options.dataset, body, { ...call, key })
    if (!replayed) return { upload, earlier: undefined, key }
    const { receipt } = await client.getReceipt(upload.loadId, call)
    if (receipt && !['failed', 'aborted', 'expired'].includes(receipt.state)) return { upload, earlier: receipt, key }
    ended = receipt
    key = await nextKey(key, upload.loadId)
  }
  throw new PushError('too-many-failed-loads', `${source.name} has made ${longestChain} loads that all failed; look at the last one`, ended)
}

function openingBody(
  source: Source,
  content: Content,
  { format = 'auto', compression = 'auto', expectedRows, maxRejects, csv, fixes }: PushOptions,
): OpenUploadBody {
  if (expectedRows !== undefined && content.rows !== undefined && content.rows !== expectedRows)
    throw new PushError(
      'row-count-mismatch',
      `${source.name} has ${content.rows} rows, not the ${expectedRows} that are expected; nothing was sent`,
    )
  const rows = content.rows ?? expectedRows
  return {
    fileName: labelOf(source.name),
    size: content.size,
    format,
    compression,
    crc32: crc32ToHex(content.crc32),
    ...(rows === undefined ? {} : { expectedRows: rows }),
    ...(csv === undefined ? {} : { csv }),
    ...(maxRejects === undefined ? {} : { maxRejects }),
    ...(fixes === undefined ? {} : { fixes }),
  }
}

/** A name as the server takes it: a label of at most 255 characters, none of which steers a terminal. */
const labelOf = (name: string): string => name.slice(0, 255).replace(/[\p{Cc}\p{Cs}]/gu, '_') || '_'
