#!/usr/bin/env node
import { Interrupted } from './exit.ts'
import { runCommand } from './run.ts'

const interrupt = new AbortController()
// Once: a second Ctrl-C ends the process at once.
process.once('SIGINT', () => interrupt.abort(new Interrupted()))
// The reader of a pipe may leave early, as `head` does.
process.stdout.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  columns: () => (process.stderr.isTTY ? process.stderr.columns : undefined),
  env: process.env,
  folder: process.cwd(),
  signal: interrupt.signal,
})
