import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { exitCodes } from '../../../client/src/cli/exit.ts'
import { millraceHere } from '../../support/command-here.ts'

const manual = await readFile(new URL('../../../docs/cli.md', import.meta.url), 'utf8')

async function help(...args: string[]): Promise<string> {
  const { code, out } = await millraceHere([...args, '--help'])
  assert.equal(code, 0)
  return out
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
