import { Command, CommanderError } from 'commander'
import type { Problem } from '../../../functions/core/problems.ts'
import { PushError, RefusedError, SendError, UnavailableError } from '../errors.ts'
import { createContext, type Io } from './context.ts'
import { type ExitCode, exitCodeOfError, exitCodes, exitCodesHelp, Interrupted, Stopped, UsageError } from './exit.ts'
import { duration } from './figures.ts'
import { printReceipt } from './print.ts'
import { addPush } from './push-command.ts'
import { addAbort, addDatasets, addLoads, addReceipt, addRejects } from './read-commands.ts'
import { addDeadLetters, addReplay, addReplayStream } from './replay-commands.ts'
import { addSend } from './send-command.ts'

/** Runs one command line (without `node` and the script) and answers with its exit code. Never throws. */
export async function runCommand(args: readonly string[], io: Io): Promise<ExitCode> {
  const context = createContext(io)
  const program = new Command('millrace')
    .description('Sends files and streams of rows to Millrace, and tells for every row what became of it.')
    .option('--url <url>', 'the server, up to and without /v1 (or MILLRACE_URL, or .local/env)')
    .option('--api-key <key>', 'who sends (or MILLRACE_API_KEY, or .local/env)')
    .option('--json', 'print one JSON object on stdout, and no progress')
    .addHelpText('after', exitCodesHelp)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
  // Before the commands are added: they inherit these settings when they are made.
  addPush(program, context)
  addSend(program, context)
  addReceipt(program, context)
  addRejects(program, context)
  addLoads(program, context)
  addDatasets(program, context)
  addAbort(program, context)
  addDeadLetters(program, context)
  addReplay(program, context)
  addReplayStream(program, context)
  try {
    await program.parseAsync(args, { from: 'user' })
    return context.exitCode()
  } catch (error) {
    const json = args.includes('--json')
    if (!(error instanceof CommanderError)) report(error, io, json)
    // commander has printed its message on stderr, or the help that was asked for.
    else if (error.exitCode === 0) return exitCodes.ok
    else {
      if (json)
        io.out(errorLine(error.code === 'commander.help' ? 'No command was given; see --help' : error.message.replace(/^error: /, '')))
      return exitCodes.usage
    }
    return exitCodeOfError(error)
  }
}

function report(thrown: unknown, io: Io, json: boolean): void {
  const stopped = thrown instanceof Stopped ? thrown : undefined
  const error = stopped ? stopped.cause : thrown
  const known = [UsageError, Interrupted, PushError, SendError].some((kind) => error instanceof kind)
  const problem = error instanceof RefusedError || error instanceof UnavailableError ? error.problem : undefined
  const receipt = error instanceof PushError ? error.receipt : undefined
  const message = error instanceof Error ? error.message : String(error)
  if (json) io.out(errorLine(message, problem, { ...stopped?.facts, ...(receipt ? { receipt } : {}) }))
  if (known) io.err(`${message}\n`)
  else if (error instanceof RefusedError) io.err(`Refused: ${message}\n${pointers(problem?.errors)}${waitOf(error)}${requestOf(error)}`)
  else if (error instanceof UnavailableError)
    io.err(`Not available: ${message}\n${requestOf(error)}${stopped ? '' : 'The same command goes on from here.\n'}`)
  else io.err(`${error instanceof Error ? error.stack : String(error)}\n`)
  if (stopped) io.err(stopped.story)
  if (receipt && !json) io.out(printReceipt(receipt))
}

const errorLine = (message: string, problem?: Problem, more: object = {}): string =>
  `${JSON.stringify({ error: { message, ...(problem ? { problem } : {}) }, ...more })}\n`
const pointers = (errors: readonly { pointer: string; detail: string }[] | undefined): string =>
  (errors ?? []).map(({ pointer, detail }) => `  ${pointer}: ${detail}\n`).join('')
const waitOf = ({ retryAfterMs }: RefusedError): string =>
  retryAfterMs === undefined ? '' : `The server asks to wait ${duration(retryAfterMs)}.\n`
const requestOf = ({ requestId }: RefusedError | UnavailableError): string => (requestId ? `Request id: ${requestId}\n` : '')
