import type { Receipt } from '../../../functions/core/loads/receipt.ts'
import { PushError, RefusedError, SendError, UnavailableError } from '../errors.ts'

/** What the command's exit status means; a script may rely on it. 64 is sysexits' EX_USAGE, 130 is 128 + SIGINT. */
export const exitCodes = {
  ok: 0,
  unexpected: 1,
  rejects: 2,
  loadFailed: 3,
  refused: 4,
  unavailable: 5,
  usage: 64,
  interrupted: 130,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodesHelp = `
Exit status:
    0  every row is in the table (loaded, updated, or there already), or the load is under way (--no-wait)
    1  something unexpected, such as a file that changed while it was being sent, or a full disk
    2  the load (or every batch) is complete, and some rows were rejected
    3  the load (or a batch) failed, was aborted, or expired
    4  the server refused the request
    5  the server or the network was not available, after all retries; the same command goes on from there
   64  wrong usage, or a file that cannot be read
  130  interrupted (Ctrl-C, SIGTERM)`

/** A mistake in how the command was called. */
export class UsageError extends Error {}
/** The user pressed Ctrl-C, or somebody sent SIGTERM. */
export class Interrupted extends Error {}
/** A stream that ended before its end: why, what to say besides, and what is known of it for --json. */
export class Stopped extends Error {
  readonly story: string
  readonly facts: object

  constructor(cause: unknown, story: string, facts: object) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.story = story
    this.facts = facts
  }
}

export function exitCodeOf(receipt: Receipt): ExitCode {
  switch (receipt.state) {
    case 'complete':
      return receipt.rows.rejected > 0 ? exitCodes.rejects : exitCodes.ok
    case 'failed':
    case 'aborted':
    case 'expired':
      return exitCodes.loadFailed
    case 'receiving':
    case 'loading':
      return exitCodes.ok
  }
}

export function exitCodeOfError(error: unknown): ExitCode {
  if (error instanceof Stopped) return exitCodeOfError(error.cause)
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof Interrupted) return exitCodes.interrupted
  if (error instanceof UnavailableError) return exitCodes.unavailable
  // Still throttled after all retries: not a no, but a not now.
  if (error instanceof RefusedError) return error.status === 429 ? exitCodes.unavailable : exitCodes.refused
  if (error instanceof SendError) return exitCodes.unexpected
  if (error instanceof PushError) return exitCodeOfFault[error.fault]
  return exitCodes.unexpected
}
const exitCodeOfFault: Record<PushError['fault'], ExitCode> = {
  'file-changed': exitCodes.unexpected,
  'row-count-mismatch': exitCodes.usage,
  'upload-ended': exitCodes.loadFailed,
  'too-many-failed-loads': exitCodes.loadFailed,
}
