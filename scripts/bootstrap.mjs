// Runs a TypeScript screen of this repository on the Node it pins: `node scripts/bootstrap.mjs scripts/x.ts [args]`.
// Plain JavaScript without dependencies, because it runs before `npm ci`, on whatever Node (20 or later) is there.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const binaries = join(root, 'node_modules', '.bin')
const node = join(binaries, 'node')
const stamp = join(root, 'node_modules', '.millrace-lockfile')
const installLock = join(root, '.local', 'install.lock')
const installLog = join(root, '.local', 'logs', 'npm-ci.log')
/** These start the local AWS, whose emulator is a Python program, unless they are pointed at one that runs. */
const wantsPython = ['localstack/start.ts', 'scripts/test.ts', 'scripts/demo.ts']

const [script, ...args] = process.argv.slice(2)
if (Number(process.versions.node.split('.')[0]) < 20)
  fail(
    `Node ${process.versions.node} is too old: Node 20 or later is needed to begin with (https://nodejs.org). Node 24 is then installed by itself.`,
  )
if (!script) fail('usage: node scripts/bootstrap.mjs SCRIPT.ts [ARGUMENTS]')
if (process.platform === 'win32') fail('Windows is not supported: run this in WSL.')
if (wantsPython.includes(script) && !args.includes('--endpoint') && !args.includes('--help')) checkPython()
await install()
run()

function fail(message) {
  console.error(`millrace: ${message}`)
  process.exit(1)
}

/** Python is not installed here, so its absence is better told before a minute of npm. */
function checkPython() {
  const check = spawnSync('python3', ['-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' })
  const hint =
    'the local AWS is a Python program. Install Python 3.10 or later (Debian, Ubuntu: apt-get install python3 python3-venv), or use an emulator that already runs: --endpoint URL --database URL'
  if (check.error) fail(`python3 was not found, and ${hint}.`)
  if (check.status !== 0) fail(`python3 has no venv module, and ${hint}.`)
  const [major, minor] = check.stdout.trim().split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 10)) fail(`python3 is ${check.stdout.trim()}, and ${hint}.`)
}

async function install() {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex')
  if (isInstalled(hash)) return
  const release = await lock()
  try {
    if (isInstalled(hash)) return
    const started = Date.now()
    console.error(
      existsSync(join(root, 'node_modules'))
        ? 'The packages are not those of package-lock.json: running npm ci'
        : 'First run: installing the packages with npm ci, about a minute',
    )
    await npmCi()
    if (!runsNode24()) {
      fail(
        `npm ci succeeded, but ${node} does not run: the install scripts of the package "node" were skipped. Set ignore-scripts to false (npm config set ignore-scripts false) and try again.`,
      )
    }
    writeFileSync(stamp, hash)
    console.error(`Packages installed in ${Math.round((Date.now() - started) / 1000)} s`)
  } finally {
    release()
  }
}

function isInstalled(hash) {
  if (!existsSync(node) || !hasNested()) return false
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return true
  if (!matchesLockfile() || !runsNode24()) return false
  writeFileSync(stamp, hash)
  return true
}

/** Packages that a workspace has for itself are in that workspace's folder, and may be deleted with it. */
function hasNested() {
  const packages = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages)
  const nested = packages.filter(
    ([path, { optional }]) => !optional && path.includes('/node_modules/') && !path.startsWith('node_modules/'),
  )
  return nested.every(([path]) => existsSync(join(root, path)))
}

/** True when somebody ran `npm ci` or `npm install` by hand: npm's own note of what is installed agrees with the lockfile. */
function matchesLockfile() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
    const there = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages
    return Object.entries(wanted).every(
      ([path, { version, optional, link }]) =>
        path === '' || !path.startsWith('node_modules/') || link || (there[path] ? there[path].version === version : optional),
    )
  } catch {
    return false // no such note: nothing is installed, or an install was cut short
  }
}

function runsNode24() {
  const check = spawnSync(node, ['--version'], { encoding: 'utf8' })
  return check.status === 0 && check.stdout.startsWith('v24.')
}

/** One install at a time: `npm ci` begins by deleting node_modules. A lock whose holder died is taken over. */
async function lock() {
  mkdirSync(dirname(installLock), { recursive: true })
  for (let told = false; ; ) {
    try {
      writeFileSync(installLock, String(process.pid), { flag: 'wx' })
      return () => rmSync(installLock, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write ${installLock}: ${error.message}`)
    }
    const holder = Number(readIfThere(installLock))
    if (holder && !isAlive(holder)) rmSync(installLock, { force: true })
    else if (!told) {
      told = true
      console.error(`Another run (process ${holder || '?'}) is installing the packages: waiting for it`)
    }
    await new Promise((done) => setTimeout(done, 200))
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

async function npmCi() {
  mkdirSync(dirname(installLog), { recursive: true })
  // npm tells its scripts where it is itself, which works even where only `node` is on the PATH
  const own = process.env.npm_execpath
  const [command, ...first] = own?.endsWith('.js') && existsSync(own) ? [process.execPath, own] : ['npm']
  const env = { ...process.env }
  for (const name of ['npm_config_ignore_scripts', 'npm_config_omit', 'NODE_ENV']) delete env[name] // each of these would leave packages out
  const child = spawn(command, [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const release = forwardSignals(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  const end = await new Promise((done) => {
    child.on('error', (error) => done({ error }))
    child.on('close', (code, signal) => done({ code, signal }))
  })
  release()
  writeFileSync(installLog, output)
  if (end.error) fail(`npm was not found (${end.error.message}). It comes with Node: install Node from https://nodejs.org and try again.`)
  if (end.signal) fail('the install was interrupted; run the same command again.')
  if (end.code === 0) return
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|network/i.test(output)
  const cause = offline
    ? 'the npm registry cannot be reached: check the network, the proxy, and `npm config get registry`'
    : 'npm ci failed'
  fail(
    `${cause}.\n${output
      .trim()
      .split('\n')
      .slice(-12)
      .map((line) => `  ${line}`)
      .join('\n')}\nAll of its output: ${installLog}`,
  )
}

function run() {
  const env = { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}` }
  const child = spawn(node, [join(root, script), ...args], { stdio: 'inherit', env })
  const release = forwardSignals(child)
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}. Delete node_modules and try again.`))
  child.on('close', (code, signal) => {
    release()
    process.exitCode = signal ? 128 + constants.signals[signal] : code
  })
}

/** The child decides what a signal means. On a terminal Ctrl-C reaches it without our help, and twice would mean "at once". */
function forwardSignals(child) {
  const forward = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, forward)
  return () => {
    for (const signal of signals) process.off(signal, forward)
  }
}
