/** A part of the local AWS did not do what it should: which part, why, where its log is, and what to do about it. */
export class LocalFailure extends Error {
  override readonly name = 'LocalFailure'
  readonly log: string | undefined
  readonly advice: string | undefined

  constructor(message: string, more: { log?: string; advice?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.log = more.log
    this.advice = more.advice
  }
}

/** What the screens print for anything that was thrown. A bug keeps its stack: it is ours to mend. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof LocalFailure)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  const lines = [error.message]
  if (error.log) lines.push(`  Log:        ${error.log}`)
  if (error.advice) lines.push(`  What to do: ${error.advice}`)
  return lines.join('\n')
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The end of a log, indented, for a message. Never throws: the failure itself is what matters. */
export function indent(text: string, lines = 15): string {
  return text
    .trimEnd()
    .split('\n')
    .slice(-lines)
    .map((line) => `    ${line}`)
    .join('\n')
}
