import { emptyEventBytes } from './event.ts'
import type { StreamRecord } from './ports.ts'
import { payloadLimit } from './rules.ts'
import type { Mapping } from './settings.ts'

type Gathered =
  | { readonly kind: 'batch'; readonly records: readonly StreamRecord[] }
  | { readonly kind: 'gathering'; readonly ms: number }
  | { readonly kind: 'empty' }

/**
 * Records on their way to becoming a batch. Page with-kinesis, "Polling and batching streams": before invoking the function, Lambda reads
 * "until it has gathered a full batch, the batching window expires, or the batch reaches the payload limit of 6 MB".
 * Undocumented, assumed: the window begins with the first record gathered; the record that would go over 6 MB begins the next batch; one that
 * is over it alone becomes a batch of its own, which can never be sent.
 */
export interface Gathering {
  add(record: StreamRecord, bytes: number, now: number): void
  take(now: number): Gathered
}

export function createGathering({ batchSize, windowMs }: Pick<Mapping, 'batchSize' | 'windowMs'>): Gathering {
  let waiting: { record: StreamRecord; bytes: number; since: number }[] = []

  /** How many of the waiting make a batch, and whether it can take no more. */
  function fill(): { count: number; full: boolean } {
    let bytes = emptyEventBytes
    for (const [count, item] of waiting.entries()) {
      bytes += item.bytes
      if (count === batchSize || (bytes > payloadLimit && count > 0)) return { count, full: true }
    }
    return { count: waiting.length, full: waiting.length === batchSize || bytes >= payloadLimit }
  }

  return {
    add(record, bytes, now) {
      waiting.push({ record, bytes, since: now })
    },
    take(now) {
      const [first] = waiting
      if (!first) return { kind: 'empty' }
      const { count, full } = fill()
      const ms = first.since + windowMs - now
      if (!full && ms > 0) return { kind: 'gathering', ms }
      const records = waiting.slice(0, count).map(({ record }) => record)
      waiting = waiting.slice(count)
      return { kind: 'batch', records }
    },
  }
}
