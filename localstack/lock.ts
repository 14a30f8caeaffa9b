import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { identify, isRunning } from './processes.ts'
import type { ProcessId } from './record.ts'

/** Runs one thing at a time across processes. The lock of a holder that died is taken over. */
export async function withLock<T>(path: string, run: () => Promise<T>, whenWaiting: (holder: number) => void = () => {}): Promise<T> {
  const me = identify(process.pid)!
  for (let told = false; !take(path, me); await sleep(100)) {
    const holder = lockHolder(path)
    if (!holder) rmSync(path, { force: true })
    else if (!told) {
      told = true
      whenWaiting(holder.pid)
    }
  }
  try {
    return await run()
  } finally {
    rmSync(path, { force: true })
  }
}

function take(path: string, me: ProcessId): boolean {
  try {
    writeFileSync(path, JSON.stringify(me), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** The live process that holds a lock. */
export function lockHolder(path: string): ProcessId | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as ProcessId
    return isRunning(holder) ? holder : undefined
  } catch {
    return undefined
  }
}
