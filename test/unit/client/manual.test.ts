import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { exitCodes } from '../../../client/src/cli/exit.ts'
import { runCommand } from '../../../client/src/cli/run.ts'

const manual = await readFile(new URL('../../../docs/cli.md', import.meta.url), 'utf8')

async function help(...args: string[]): Promise<string> {
  let text = ''
  const io = {
    out: (piece: string) => {
      text += piece
    },
    err: () => undefined,
    columns: () => undefined,
    env: {},
    folder: '.',
    signal: new AbortController().signal,
  }
  assert.equal(await runCommand([...args, '--help'], io), 0)
  return text
}

test('the manual has every command, option and exit status that the command has', async () => {
  const commands = [...(await help()).matchAll(/^ {2}([a-z][a-z-]*) .*(?:<|\[)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help')
  assert.ok(commands.length >= 6)
  for (const command of commands) {
    assert.match(manual, new RegExp(`^\\| \`${command}[ \`]`, 'm'), command)
    for (const [option] of (await help(command)).matchAll(/--[a-z-]+/g))
      assert.ok(option === '--help' || manual.includes(option), `${command} ${option}`)
  }
  for (const code of Object.values(exitCodes)) assert.match(manual, new RegExp(`^\\| ${code} \\|`, 'm'), String(code))
})
