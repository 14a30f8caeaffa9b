/** `retrying`: a try failed, and the next one comes by itself. */
export const waitingCodes = [
  'database-unavailable',
  'table-locked',
  'table-changed',
  'table-missing',
  'table-refused',
  'table-slow',
  'retrying',
] as const
type WaitingCode = (typeof waitingCodes)[number]

/** What a load waits for that is not its own: it goes on by itself. */
export interface Waiting {
  readonly code: WaitingCode
  readonly detail: string
  /** ISO 8601. */
  readonly since: string
}
