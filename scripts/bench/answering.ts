import { peakMemory } from '#platform/peak-memory.ts'

/** What a process of the bench says to the one that started it. */
export type Message<Answer> =
  | { readonly kind: 'ready'; readonly backend?: number }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'failure'; readonly message: string }
  | { readonly kind: 'memory'; readonly peakMiB: number }

/** In a forked process: does one order after the other, tells its memory at the end (`undefined` instead of an order), and ends. */
export function answerOrders<Order, Answer>(work: (order: Order) => Promise<Answer>): void {
  const say = (message: Message<Answer>, then?: () => void): void => void process.send!(message, undefined, undefined, then)
  process.on('message', ({ order }: { order?: Order }) => {
    if (order === undefined) return say({ kind: 'memory', peakMiB: peakMemory() }, () => process.exit())
    work(order).then(
      (answer) => say({ kind: 'answer', answer }),
      (error: Error) => say({ kind: 'failure', message: error.stack ?? String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(1))
  say({ kind: 'ready' })
}
