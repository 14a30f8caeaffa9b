/** What a stage of the test run came to. */
export interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What stages need of the run they are part of. */
export interface Run {
  /** Aborted on Ctrl-C: every child must end. */
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

export const nothing: Outcome = { passed: 0, failed: 0, skipped: 0 }
export const add = (a: Outcome, b: Outcome): Outcome => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
})
