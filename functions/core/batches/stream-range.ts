import type { DeadRecord } from './dead-letter.ts'

/** How far the reading of a range came. */
export interface StreamRangePosition {
  readonly shard: string
  /** Of the last record that was looked at; null before the first. */
  readonly sequenceNumber: string | null
  /** True when nothing of the shard is left. */
  readonly done: boolean
}
/** A range of the stream by the time at which records arrived, epoch milliseconds: [from, to). */
export interface StreamRange {
  readonly from: number
  readonly to: number
  readonly after: StreamRangePosition | undefined
}
export interface StreamRangeStep {
  readonly position: StreamRangePosition
  readonly record?: DeadRecord
}
