import type { Dataset } from '#core/dataset/dataset.ts'
import { OutOfTimeError } from '#core/errors.ts'
import { Pace } from '#core/loads/pace.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import type { Announced, RecordPorts } from './ports.ts'
import type { RecordChunk } from './record-chunk.ts'
import { type CommitTogether, loadTogether } from './together.ts'
import { takenTogether } from './transactions.ts'
import { slow, type Trouble, Troubles } from './trouble.ts'

/** How far records of a dataset got that were to be committed in their order. */
export type Progress =
  | { readonly kind: 'done' }
  /** The table is in trouble from the first of `rest` on, or there is no time for them. */
  | { readonly kind: 'trouble' | 'no-time'; readonly rest: readonly Announced[]; readonly trouble: Trouble }
  /** One of them must come again; `redeliver` was told. */
  | { readonly kind: 'redelivered' }

export interface Time {
  /** Milliseconds in which transactions may be begun. */
  readonly left: () => number
  /** Milliseconds that one may take which begins now with so many records. When it is cut off there should be time left for smaller ones. */
  readonly ofTry: (records: number) => number
}

/** Rows of datasets, by name, that fit into one transaction: what this process knows of tables that are slow. */
export type Paces = Map<string, number | undefined>

/**
 * Commits records of one dataset, in transactions of as many rows as its table takes in the time there is. One that is cut off is followed by one of an eighth
 * of its rows; of one record alone there is no less.
 */
export async function loadAtPace(
  deps: RecordPorts,
  dataset: Dataset,
  group: readonly Announced[],
  { left, ofTry }: Time,
  paces: Paces,
  redeliver: (record: StreamRecord, error: unknown) => void,
): Promise<Progress> {
  const pace = new Pace(paces.get(dataset.name))
  const commit = commitAtPace(deps, dataset, pace, { left, ofTry })
  let slowest = 0
  try {
    for (let rest = group; rest.length > 0; ) {
      // Looked at before each but the first, or a short time would only pass the records on.
      if (rest !== group && left() < 2 * slowest) {
        if (pace.rows !== undefined) return { kind: 'no-time', rest, trouble: slow }
        redeliver(rest[0]!.record, new Error('the time of the invocation is over'))
        return { kind: 'redelivered' }
      }
      const together = takenTogether(rest, pace.rows)
      const began = left()
      const troubles = new Troubles(redeliver)
      const whole = await loadTogether(deps, dataset, rest.slice(0, together), commit, troubles.take)
      // Before the trouble: what is committed and not shown must not be taken for done.
      if (troubles.redelivers) return { kind: 'redelivered' }
      if (troubles.first) {
        const { record, trouble } = troubles.first
        const at = rest.findIndex((one) => one.record === record)
        rest = rest.slice(at)
        if (trouble !== slow || together - at <= 1) return { kind: 'trouble', rest, trouble }
        continue
      }
      if (!whole) return { kind: 'redelivered' }
      rest = rest.slice(together)
      slowest = Math.max(slowest, began - left())
    }
    return { kind: 'done' }
  } finally {
    paces.set(dataset.name, pace.rows)
  }
}

/** Gives each transaction its time, and learns how many rows fit into it. */
const commitAtPace =
  ({ commitMany }: RecordPorts, dataset: Dataset, pace: Pace, { left, ofTry }: Time): CommitTogether =>
  async (chunks) => {
    const ofThisTry = (): number => ofTry(chunks.length)
    let [began, available] = [0, 0]
    const sent = new Set<RecordChunk>()
    const rows = (): number => [...sent].reduce((sum, { header }) => sum + header.rows, 0)
    const watched = chunks.map((chunk) => ({
      ...chunk,
      read: (...args: Parameters<RecordChunk['read']>) => {
        // Read from the first on again, they are loaded by another strategy, or once more after an outage.
        if (sent.size === 0 || sent.values().next().value === chunk) [began, available] = [left(), ofThisTry()]
        sent.add(chunk)
        return chunk.read(...args)
      },
    }))
    try {
      const committed = await commitMany(dataset, watched, left, ofThisTry)
      if (committed.kind === 'committed') pace.learn(rows(), began - left(), available)
      return committed
    } catch (error) {
      if (!(error instanceof OutOfTimeError)) throw error
      // Without a row that was sent it is not they that take the time.
      if (sent.size === 0) throw new Error('the ledger did not answer in the time there is', { cause: error })
      pace.cutOff(rows())
      throw error
    }
  }
