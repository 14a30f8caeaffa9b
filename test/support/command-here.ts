import type { Readable } from 'node:stream'
import type { Io } from '../../client/src/cli/context.ts'
import { runCommand } from '../../client/src/cli/run.ts'

export interface Surroundings {
  /** The server that the environment names. */
  readonly server?: { readonly url: string } | undefined
  readonly env?: Io['env']
  readonly folder?: string
  /** Of the terminal. */
  readonly columns?: number | undefined
  readonly stdin?: Readable | undefined
  readonly signal?: AbortSignal | undefined
  readonly onErr?: ((text: string) => void) | undefined
}

/** Runs `millrace` in this process. */
export async function millraceHere(args: readonly string[], surroundings: Surroundings = {}) {
  const { server, folder = '.', columns, stdin, signal = new AbortController().signal, onErr } = surroundings
  const env = surroundings.env ?? (server ? { MILLRACE_URL: server.url, MILLRACE_API_KEY: 'mr_test' } : {})
  let [out, err] = ['', '']
  const code = await runCommand(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
      onErr?.(text)
    },
    columns: () => columns,
    stdin: () => stdin,
    env,
    folder,
    signal,
  })
  return { code, out, err }
}
