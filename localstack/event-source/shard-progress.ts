/**
 * How far a shard is done. Batches of one shard run side by side (ParallelizationFactor), so records are done out of order; the checkpoint is the
 * last record before which nothing is open. Page services-kinesis-batchfailurereporting: Lambda "checkpoints to the highest sequence number of
 * a batch". Undocumented: how that goes with several batches at once. Whatever is open is delivered again after a restart: at least once.
 */
export interface ShardProgress {
  /** In the order of reading. Answers what to call when the record is done. */
  read(sequenceNumber: string): () => void
  /** Sequence number up to which all is done; undefined before the first. */
  readonly checkpoint: string | undefined
  /** Records read since the checkpoint. */
  readonly open: number
}

export function createShardProgress(): ShardProgress {
  let entries: { sequenceNumber: string; done: boolean }[] = []
  let head = 0
  let checkpoint: string | undefined
  return {
    read(sequenceNumber) {
      const entry = { sequenceNumber, done: false }
      entries.push(entry)
      return () => {
        entry.done = true
        for (let first = entries[head]; first?.done; first = entries[head]) {
          checkpoint = first.sequenceNumber
          head++
        }
        if (head > 1_000 && head * 2 > entries.length) {
          entries = entries.slice(head)
          head = 0
        }
      }
    },
    get checkpoint() {
      return checkpoint
    },
    get open() {
      return entries.length - head
    },
  }
}
