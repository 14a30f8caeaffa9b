import { routes } from '#core/api/routes/all.ts'

/** Which function answers a route of the contract, by the route's id. */
const verbs = {
  listDatasets: 'show-datasets',
  showDataset: 'show-datasets',
  openUpload: 'open-upload',
  submitBatch: 'submit-batch',
  signParts: 'sign-parts',
  showUpload: 'show-upload',
  completeUpload: 'complete-upload',
  abortUpload: 'abort-upload',
  listLoads: 'list-loads',
  showLoad: 'show-load',
  listRejects: 'list-rejects',
  replayLoad: 'replay-load',
  replayStream: 'replay-stream',
  listDeadLetters: 'list-dead-letters',
  showDeadLetter: 'list-dead-letters',
  showLiveness: 'check-health',
  showReadiness: 'check-health',
  showContract: 'show-contract',
} as const

export type Verb = (typeof verbs)[keyof typeof verbs]

export interface GatewayRoute {
  readonly method: string
  readonly path: string
  readonly verb: Verb
  /** Answers without an API key. */
  readonly open: boolean
  /** Starts work: under the lower throttle. */
  readonly writes: boolean
}

/** Every route of the contract. The gateway knows no other. */
export const gatewayRoutes: readonly GatewayRoute[] = routes.map(({ id, method, path, access }) => {
  if (!(id in verbs)) throw new Error(`The contract has a route ${id} that no function answers: add it to infra/routes.ts`)
  return { method, path, verb: verbs[id as keyof typeof verbs], open: access === 'anyone', writes: method !== 'GET' }
})
