import type { Receipt } from '../../functions/core/loads/receipt.ts'
import type { Problem } from '../../functions/core/problems.ts'

/** Base of everything the client throws on purpose. An abort throws the signal's own reason instead. */
export abstract class ClientError extends Error {
  override get name(): string {
    return this.constructor.name
  }
}

interface Details {
  readonly status?: number
  /** What the server said, RFC 9457; undefined when something before it answered. */
  readonly problem?: Problem | undefined
  readonly requestId?: string | undefined
  /** Milliseconds the server asked to wait. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** The server answered and said no (4xx); the same request will be answered the same way. */
export class RefusedError extends ClientError {
  readonly status: number
  readonly problem: Problem | undefined
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(message: string, details: Details & { readonly status: number }) {
    super(message)
    this.status = details.status
    this.problem = details.problem
    this.requestId = details.requestId
    this.retryAfterMs = details.retryAfterMs
  }
}

/** No usable answer: the network, a timeout, or a server in trouble (5xx). Thrown when the retries are used up. */
export class UnavailableError extends ClientError {
  readonly status: number | undefined
  readonly problem: Problem | undefined
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(message: string, details: Details) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.status = details.status
    this.problem = details.problem
    this.requestId = details.requestId
    this.retryAfterMs = details.retryAfterMs
  }
}

export type PushFault =
  /** The source is not what it was when its checksums were taken. */
  | 'file-changed'
  /** The rows counted in the file are not as many as the caller expects; nothing was sent. */
  | 'row-count-mismatch'
  /** Somebody else aborted the upload, or it expired, while parts were being sent. */
  | 'upload-ended'
  /** Every load that this content has ever made has failed. */
  | 'too-many-failed-loads'

/** The push cannot go on, and sending the same again would not help. */
export class PushError extends ClientError {
  readonly fault: PushFault
  readonly receipt: Receipt | undefined

  constructor(fault: PushFault, message: string, receipt?: Receipt) {
    super(message)
    this.fault = fault
    this.receipt = receipt
  }
}

export type SendFault =
  /** The stream is not the one that was saved, or not all of it is there. */
  | 'not-resumable'
  /** What was sent could not be written down: the disk is full, or takes no writes. Nothing is sent that is not written down. */
  | 'checkpoint-not-saved'
  /** A load has received another number of rows than its batch had: please report it. */
  | 'row-count-mismatch'

/** A stream cannot go on, and nothing that the server does would change that. */
export class SendError extends ClientError {
  readonly fault: SendFault

  constructor(fault: SendFault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.fault = fault
  }
}
