import type { ReplayAnswer, ReplayOrder } from '#core/api/replay-contract.ts'

/** What a replay of one load comes to. */
export interface ReplayPlan {
  readonly would: 'plan' | 'send'
  readonly reason: string
  readonly chunks: ReplayAnswer['chunks']
  readonly into: ReplayAnswer['into']
  readonly order: () => Promise<ReplayOrder>
  /** @returns the load to be watched */
  readonly act: (allowOlderRows: boolean, timeLeft: () => number) => Promise<string>
}
/** There is nothing to replay, and why. */
export type NoReplay = Pick<ReplayPlan, 'reason' | 'chunks' | 'into'> & { readonly would: 'nothing' }
