import type { ReplayAnswer, ReplayOrder } from '#core/contract.ts'

/** What a replay of one load comes to. */
export interface ReplayPlan {
  readonly would: 'plan' | 'send'
  readonly reason: string
  readonly chunks: ReplayAnswer['chunks']
  readonly order: () => Promise<ReplayOrder>
  readonly act: (allowOlderRows: boolean) => Promise<void>
}
/** There is nothing to replay, and why. */
export type NoReplay = Pick<ReplayPlan, 'reason' | 'chunks'> & { readonly would: 'nothing' }
