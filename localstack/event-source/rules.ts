/**
 * Numbers that AWS documents, each with its page, and those it does not, which are ours.
 * Pages: Lambda Developer Guide (docs.aws.amazon.com/lambda/latest/dg/<page>) unless another is named.
 */

/**
 * An invocation's payload, base64 included. Page gettingstarted-limits: "6 MB each for request and response (synchronous)".
 * Undocumented: which megabyte. Code in the field has 6,291,556 bytes as the limit, 100 over six mebibytes; the round number is the stricter.
 */
export const payloadLimit = 6 * 1024 * 1024

/** Page with-kinesis: "Lambda polls each shard … at a base rate of once per second. When more records are available, Lambda keeps processing". */
export const pollMs = 1_000

/** Kinesis Data Streams Developer Guide, service-sizes-and-limits: 5 reads a second and shard. */
export const leastPollMs = 200

/** How often the list of shards is read when no shard ends. Undocumented. */
export const listShardsMs = 10_000

/** Retries wait twice as long each time. AWS says that it backs off exponentially and gives no numbers. */
const firstRetryMs = 200
const longestRetryMs = 30_000

/** @param failures in a row, 1 or more. */
export const retryDelay = (failures: number): number => Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 20), longestRetryMs)
