import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type CpuProfile, selfTimes } from './self-times.ts'
import type { Server } from './server.ts'
import type { Side } from './sides.ts'

/** Milliseconds between looks at what Postgres waits for. */
const looking = 5

/** Linux' own, where it is installed. */
const perfProgram = 'perf'

/** What a loader must be started with to be profiled. */
export function profilerFlags(folder: string): string[] {
  const profiler = new URL('profiler.ts', import.meta.url)
  profiler.searchParams.set('folder', folder)
  return ['--import', profiler.href]
}

/** Runs one side once, its loaders started with `profilerFlags`, and prints where both sides spent their time. */
export async function runProfile(server: Server, name: string, side: Side, folder: string, say: (text: string) => void): Promise<void> {
  await mkdir(folder, { recursive: true })
  await side.prepare()
  await server.checkpoint()
  for (const file of await profilesIn(folder)) await rm(join(folder, file))
  const stop = new AbortController()
  const watched = watchBackend(server.url, join(folder, 'postgres.perf'), stop.signal)
  const { seconds } = await side.run().finally(() => stop.abort())
  await side.tidy()
  say(`${name}, with the profiler: ${seconds.toFixed(2)} s\n`)
  for (const file of await profilesIn(folder)) {
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile
    const times = selfTimes(profile)
    const total = sum(times)
    // Waiting, and what the profiler itself does
    for (const name of times.keys()) if (name === '(idle)' || name.includes('node:inspector')) times.delete(name)
    const atWork = `at work ${((sum(times) / total) * 100).toFixed(0)} % of the time, and of that`
    say(`A loader (${join(folder, file)}), ${atWork}:\n${shares(times)}\n`)
  }
  const { waits, perf } = await watched
  say(`A Postgres process of a loader, what it waited for (ClientRead: it was we who were late; running: it worked):\n${shares(waits)}\n`)
  say(`Its functions:\n${perf}\n`)
}

const profilesIn = async (folder: string): Promise<string[]> => (await readdir(folder)).filter((file) => file.endsWith('.cpuprofile'))

function shares(times: ReadonlyMap<string, number>): string {
  const total = sum(times)
  return [...times]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 10)
    .map(([name, time]) => `  ${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`)
    .join('\n')
}

const sum = (times: ReadonlyMap<string, number>): number => [...times.values()].reduce((a, b) => a + b, 0)

interface Watched {
  readonly waits: ReadonlyMap<string, number>
  /** Text for people. */
  readonly perf: string
}

/** Looks at the loader's backend until told to stop: what it waits for, and (with Linux' perf) what it does. */
async function watchBackend(url: string, output: string, signal: AbortSignal): Promise<Watched> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const waits = new Map<string, number>()
  let perf: ChildProcess | undefined
  while (!signal.aborted) {
    const { rows } = await client.query(
      `SELECT pid, coalesce(wait_event, 'running') AS wait FROM pg_stat_activity WHERE state = 'active' AND application_name = 'bench loader'`,
    )
    for (const { pid, wait } of rows) {
      perf ??= spawn(perfProgram, ['record', '-q', '-F', '997', '-p', String(pid), '-o', output], { stdio: 'ignore' }).on(
        'error',
        () => undefined,
      )
      waits.set(wait, (waits.get(wait) ?? 0) + 1)
    }
    await sleep(looking)
  }
  await client.end()
  return { waits, perf: await perfReport(perf, output) }
}

async function perfReport(perf: ChildProcess | undefined, output: string): Promise<string> {
  const absent = '  not profiled: there is no usable `perf` here (Linux: install it, and allow kernel.perf_event_paranoid <= 1)'
  if (perf?.pid === undefined) return absent
  if (perf.exitCode === null) {
    const ended = new Promise((resolve) => perf.once('exit', resolve))
    perf.kill('SIGINT')
    await ended
  }
  const report = spawnSync(perfProgram, ['report', '--stdio', '-q', '--no-children', '-F', 'overhead,dso,symbol', '-i', output], {
    encoding: 'utf8',
  })
  const found = report.stdout.split('\n').filter((line) => /^\s+\d/.test(line))
  return found.length === 0 ? absent : found.slice(0, 10).join('\n')
}
