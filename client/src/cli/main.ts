#!/usr/bin/env node
import { Interrupted } from './exit.ts'
import { runCommand } from './run.ts'

const interrupt = new AbortController()
// Once: a second signal ends the process at once.
const signals = ['SIGINT', 'SIGTERM'] as const
function onSignal(): void {
  for (const signal of signals) process.off(signal, onSignal)
  interrupt.abort(new Interrupted())
}
for (const signal of signals) process.on(signal, onSignal)
// The reader of a pipe may leave early, as `head` does.
process.stdout.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  columns: () => (process.stderr.isTTY ? process.stderr.columns : undefined),
  stdin: () => (process.stdin.isTTY ? undefined : process.stdin),
  env: process.env,
  folder: process.cwd(),
  signal: interrupt.signal,
})
