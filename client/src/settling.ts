import type { Receipt } from '../../functions/core/loads/receipt.ts'
import type { AcceptedBatch } from './send-state.ts'

/** Follows the receipts of many batches with bounded work. */
export interface Settler {
  readonly add: (batch: AcceptedBatch) => void
  /** Until nothing is left to follow, or following has failed. */
  readonly idle: () => Promise<void>
}
interface Deps {
  readonly waitFor: (load: string) => Promise<Receipt>
  readonly onSettled: (batch: AcceptedBatch, receipt: Receipt) => void
  /** A receipt could not be had: no other is looked at any more. */
  readonly onFailed: (error: unknown) => void
}

/**
 * Receipts that are looked at at the same time: always the oldest. Batches are committed much in the order they were accepted, so most of the others
 * are over when their turn comes, and cost one request each; one that takes long leaves the others their looks.
 */
const lookers = 4

export function createSettler({ waitFor, onSettled, onFailed }: Deps): Settler {
  const queue: AcceptedBatch[] = []
  let looking = 0
  let failed = false
  const waiting: (() => void)[] = []

  function wakeWhenIdle(): void {
    if (!failed && (looking > 0 || queue.length > 0)) return
    for (const resolve of waiting.splice(0)) resolve()
  }
  async function look(): Promise<void> {
    looking++
    try {
      for (let batch = queue.shift(); batch && !failed; batch = queue.shift()) onSettled(batch, await waitFor(batch.load))
    } catch (error) {
      failed = true
      onFailed(error)
    }
    looking--
    wakeWhenIdle()
  }
  return {
    add: (batch) => {
      queue.push(batch)
      if (looking < lookers && !failed) void look()
    },
    idle: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        wakeWhenIdle()
      }),
  }
}
