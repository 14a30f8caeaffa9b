import { finalStates, type Receipt } from '../../functions/core/loads/receipt.ts'
import type { ReceiptAnswer, WaitOptions } from './millrace.ts'
import type { Clock } from './retry.ts'
import type { CallOptions } from './transport.ts'

interface Deps {
  readonly getReceipt: (load: string, options: CallOptions & { readonly etag?: string | undefined }) => Promise<ReceiptAnswer>
  readonly clock: Clock
}

/** Milliseconds between two looks at a receipt: quick for small files, calm for large ones. */
const firstLook = 150
const slowestLook = 2000
/** Milliseconds after which whoever waits is told that nothing moves. */
const still = 5000

/** Polls a receipt until its load is over; an unchanged one costs the server a 304. Bounded by `signal` only: a load has no deadline. */
export async function waitFor(load: string, { getReceipt, clock }: Deps, options: WaitOptions = {}): Promise<Receipt> {
  const { onReceipt, onStill, ...callOptions } = options
  let etag: string | undefined
  let last: Receipt | undefined
  let unchanged = 0
  for (let pause = firstLook; ; pause = Math.min(pause * 1.3, slowestLook)) {
    const answer = await getReceipt(load, { ...callOptions, etag })
    etag = answer.etag
    if (answer.receipt) {
      onReceipt?.(answer.receipt)
      if (finalStates.has(answer.receipt.state)) return answer.receipt
      last = answer.receipt
      unchanged = 0
    } else if (last && unchanged >= still) onStill?.(last, Math.round(unchanged))
    unchanged += pause
    await clock.sleep(pause, options.signal)
  }
}
