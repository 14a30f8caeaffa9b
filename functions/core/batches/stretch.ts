import type { DeadRecord } from './dead-letter.ts'

/** How far the reading of a stretch came. */
export interface StretchPosition {
  readonly shard: string
  /** Of the last record that was looked at; null before the first. */
  readonly sequenceNumber: string | null
  /** True when nothing of the shard is left. */
  readonly done: boolean
}
/** A stretch of the stream by the time at which records arrived, epoch milliseconds: [from, to). */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly after: StretchPosition | undefined
}
export interface StretchStep {
  readonly position: StretchPosition
  readonly record?: DeadRecord
}
