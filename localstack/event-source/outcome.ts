import type { Invocation, StreamRecord } from './ports.ts'

/** What an invocation says about its batch. */
export type Outcome =
  | { readonly kind: 'succeeded' }
  /** The records before `from` succeeded, that one failed. */
  | { readonly kind: 'partial'; readonly from: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'not-invoked'; readonly reason: string }

/**
 * Page services-kinesis-batchfailurereporting, "Success and failure conditions":
 * - success: an empty or null `batchItemFailures` list, an empty or null response;
 * - failure of the whole batch: an `itemIdentifier` that is an empty string, null, or under a wrong key;
 * - several items: "Lambda uses the record with the lowest sequence number as the checkpoint. Lambda then retries all records starting
 *   from that checkpoint";
 * - without ReportBatchItemFailures "these responses will not be processed".
 * aws/agent-toolkit-for-aws, aws-serverless/references/event-sources.md, adds that an identifier which is not in the batch fails all of it.
 * Undocumented, assumed: so does a response that is no object, and a `batchItemFailures` that is no list.
 */
export function outcomeOf(invocation: Invocation, batch: readonly StreamRecord[], reportsItemFailures: boolean): Outcome {
  if (invocation.kind === 'not-invoked') return invocation
  if (invocation.kind === 'failed') return { kind: 'failed', reason: invocation.message }
  const { payload } = invocation
  if (!reportsItemFailures || payload === null || payload === undefined) return { kind: 'succeeded' }
  if (typeof payload !== 'object' || Array.isArray(payload))
    return { kind: 'failed', reason: `the response is ${JSON.stringify(payload)}, not an object` }
  const items = 'batchItemFailures' in payload ? payload.batchItemFailures : undefined
  if (items === null || items === undefined) return { kind: 'succeeded' }
  if (!Array.isArray(items)) return { kind: 'failed', reason: 'batchItemFailures is not a list' }
  if (items.length === 0) return { kind: 'succeeded' }
  return lowest(items, batch)
}

function lowest(items: readonly unknown[], batch: readonly StreamRecord[]): Outcome {
  // A batch is one shard's records in order, so the lowest sequence number is the first in the batch.
  const positions = new Map(batch.map(({ sequenceNumber }, position) => [sequenceNumber, position]))
  let from = batch.length
  for (const item of items) {
    const identifier: unknown = typeof item === 'object' && item !== null && 'itemIdentifier' in item ? item.itemIdentifier : undefined
    const position = typeof identifier === 'string' ? positions.get(identifier) : undefined
    if (position === undefined)
      return { kind: 'failed', reason: `the itemIdentifier ${JSON.stringify(identifier)} is no record of the batch` }
    from = Math.min(from, position)
  }
  return { kind: 'partial', from, reason: `reported from ${batch[from]?.sequenceNumber} on` }
}
