import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { indent, LocalFailure, messageOf } from './failure.ts'
import { withLock } from './lock.ts'

const exec = promisify(execFile)

/** boto3 is needed by the emulator's own custom resources; a later one would lift botocore above what MiniStack was tried with. */
export const packages = ['ministack==1.5.33', 'boto3==1.43.106'] as const

/**
 * Path of a Python that has the emulator, installing it (10 s, from PyPI) when it is not there.
 * @param tools folder for what is installed once and used by every state dir.
 */
export async function emulatorPython(tools: string, log: string, say: (line: string) => void): Promise<string> {
  const folder = join(tools, `python-${createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12)}`)
  const python = join(folder, 'bin', 'python')
  const finished = join(folder, '.installed')
  if (existsSync(finished)) return python
  mkdirSync(tools, { recursive: true })
  return await withLock(`${folder}.lock`, async () => {
    if (existsSync(finished)) return python
    say(`Installing the emulator (${packages[0]}) with pip`)
    rmSync(folder, { recursive: true, force: true })
    await run('python3', ['-m', 'venv', folder], log, 'python3 could not make a virtual environment')
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', ...packages]
    await run(python, pip, log, `pip could not install ${packages.join(' and ')}`)
    writeFileSync(finished, packages.join('\n'))
    return python
  })
}

async function run(command: string, args: readonly string[], log: string, failure: string): Promise<void> {
  try {
    await exec(command, args, { maxBuffer: 16 << 20 })
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: string | number }
    const output = `${stdout}${stderr}` || messageOf(error)
    writeFileSync(log, output, { flag: 'a' })
    if (code === 'ENOENT')
      throw new LocalFailure(`${command} was not found, and the emulator is a Python program.`, { advice: 'install Python 3.10 or later' })
    const offline = /NewConnectionError|ConnectTimeout|ReadTimeout|name resolution|No matching distribution|ProxyError/i.test(output)
    throw new LocalFailure(`${failure}:\n${indent(output, 8)}`, {
      log,
      advice: offline
        ? 'check that PyPI can be reached (network, proxy, `pip config list`); this is needed once'
        : 'Debian and Ubuntu keep a part of Python apart: apt-get install python3-venv',
    })
  }
}
