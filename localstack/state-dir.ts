import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The checkout this file is in. */
export const repository = resolve(import.meta.dirname, '..')

/** Where one local AWS keeps everything it has. Two of them side by side are two such folders. */
export interface StateDir {
  readonly root: string
  /** KEY=VALUE lines for tests, the client and shells. Holds the API key: mode 0600. */
  readonly env: string
  /** Ports, process ids and the database password. Mode 0600. */
  readonly record: string
  readonly lock: string
  readonly logs: string
  /** Temporary files of the emulator and its functions. Emptied at every start of the emulator, which leaks them. */
  readonly temporary: string
  readonly postgres: string
  readonly emulator: string
  readonly assembly: string
  /** How far the event-source pump is with each mapping. */
  readonly checkpoints: string
}

export const localDir = (): string => process.env.MILLRACE_LOCAL_DIR ?? join(repository, '.local')

/** Made when missing. */
export function stateDir(dir: string = localDir()): StateDir {
  const root = resolve(dir)
  const logs = join(root, 'logs')
  mkdirSync(logs, { recursive: true })
  return {
    root,
    logs,
    env: join(root, 'env'),
    record: join(root, 'record.json'),
    lock: join(root, 'lock'),
    temporary: join(root, 'tmp'),
    postgres: join(root, 'postgres'),
    emulator: join(root, 'emulator'),
    assembly: join(root, 'cdk.out'),
    checkpoints: join(root, 'checkpoints'),
  }
}

/** Python packages and the like: the same for every state dir of this checkout, so installed once. */
export const toolsDir = join(repository, '.local', 'tools')
