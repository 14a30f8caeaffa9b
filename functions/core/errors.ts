import { type Problem, type ProblemCode, problem } from './problems.ts'

/** Base of everything Millrace throws on purpose. Anything else that reaches a boundary is a bug or an outage. */
abstract class MillraceError extends Error {
  override get name(): string {
    return this.constructor.name
  }
}

/** The deployment is wrong: a variable is missing, a dataset contradicts itself. Fails the start. */
export class ConfigurationError extends MillraceError {}

/** A request cannot be served; becomes a problem+json answer. */
export class RequestError extends MillraceError {
  readonly problem: Problem
  /** Seconds after which the same request may succeed; becomes `Retry-After`. */
  readonly retryAfter: number | undefined

  constructor(code: ProblemCode, detail: string, more: { errors?: Problem['errors']; retryAfter?: number; cause?: unknown } = {}) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause })
    this.problem = problem(code, detail, more.errors ? { errors: more.errors } : {})
    this.retryAfter = more.retryAfter
  }
}

/** A load can never succeed as it is: it ends as `failed` with this problem, and nothing is retried. */
export class LoadError extends MillraceError {
  readonly problem: Problem

  constructor(code: ProblemCode, detail: string, more: { errors?: Problem['errors']; cause?: unknown } = {}) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause })
    this.problem = problem(code, detail, more.errors ? { errors: more.errors } : {})
  }
}

/** Work was given up because its time is over; nothing of it is committed. Less of it may be done in the time there is. */
export class OutOfTimeError extends MillraceError {}

/** Two independent accounts disagree. Nothing is committed; the source redelivers, and an alarm sounds when it stays so. */
export class AccountingError extends MillraceError {}
