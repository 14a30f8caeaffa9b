import type { StreamRecord } from '#core/stream-record.ts'
import type { Trouble } from './trouble.ts'

/** Says that a dataset's table takes no rows: its records wait in the bucket, and none is committed past them. */
export interface Mark extends Trouble {
  readonly dataset: string
  /** ISO 8601. */
  readonly since: string
  /** How often records were parked: who takes the mark away must know that none came meanwhile. */
  readonly parked: number
  /** When a drainer was last sent for, epoch milliseconds. */
  readonly wokenAt: number
}

/** Where records wait whose table takes none, as who parks them sees it. */
export interface Parking {
  /** A consistent read. */
  readonly find: (dataset: string) => Promise<Mark | undefined>
  /** Makes the mark, unless there is one. */
  readonly open: (dataset: string, trouble: Trouble) => Promise<Mark>
  /** Keeps records whole, in their order. @returns the object's key: that of the same records is the same */
  readonly put: (dataset: string, records: readonly StreamRecord[]) => Promise<string>
  /** Counts what was put. @returns false when the mark is gone: all that was parked is committed */
  readonly count: (dataset: string) => Promise<boolean>
  readonly remove: (key: string) => Promise<void>
  /** Sends for a drainer, unless one was sent for just now. */
  readonly wake: (mark: Mark) => Promise<void>
}
