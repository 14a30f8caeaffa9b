import type { Readable } from 'node:stream'
import type { Command } from 'commander'
import { type ClientOptions, createClient } from '../client.ts'
import type { Millrace } from '../millrace.ts'
import { type ExitCode, exitCodes } from './exit.ts'
import { findSettings } from './settings.ts'

/** The world around the command. */
export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Columns of the terminal that `err` writes to; undefined when it is none. */
  readonly columns: () => number | undefined
  /** What is piped in; undefined when nothing is. */
  readonly stdin?: () => Readable | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  /** Ends with Interrupted as its reason on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
}
export interface CommonOptions {
  readonly url?: string
  readonly apiKey?: string
  readonly json?: boolean
}
/** What one command needs, and where it leaves its exit code. */
export interface Context {
  readonly io: Io
  readonly connect: (command: Command, options?: Partial<ClientOptions>) => Millrace
  readonly end: (code: ExitCode) => void
}

export function createContext(io: Io): Context & { readonly exitCode: () => ExitCode } {
  let code: ExitCode = exitCodes.ok
  return {
    io,
    connect: (command, options) => {
      const settings = findSettings(command.optsWithGlobals<CommonOptions>(), io.env, io.folder)
      if (settings.from !== undefined) io.err(`Using ${settings.from}\n`)
      return createClient({ ...settings, ...options })
    },
    end: (ended) => {
      code = ended
    },
    exitCode: () => code,
  }
}

/** One object on stdout, for programs; or the text for people. */
export function answer(io: Io, command: Command, object: object, text: () => string): void {
  io.out(command.optsWithGlobals<CommonOptions>().json ? `${JSON.stringify(object)}\n` : text())
}
