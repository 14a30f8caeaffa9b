import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { clientSettings } from './aws.ts'
import { LocalFailure } from './failure.ts'
import { isRunning, marker, signal, startDetached, waitForEnd } from './processes.ts'
import { mappingsToServe } from './pump/mappings.ts'
import { readRecord, updateRecord } from './record.ts'
import type { Report } from './report.ts'
import { repository, type StateDir } from './state-dir.ts'

const logOf = (dir: StateDir): string => join(dir.logs, 'pump.log')

/**
 * Has the event-source pump run when there is a mapping for it, and not otherwise. One that runs follows changes by itself.
 * @returns whether it was started just now.
 */
export async function ensurePump(dir: StateDir, endpoint: string, report: Report): Promise<boolean> {
  const client = new LambdaClient(clientSettings(endpoint))
  const mappings = await mappingsToServe(client).finally(() => client.destroy())
  const { pump } = readRecord(dir)
  if (mappings.length > 0 && pump?.endpoint === endpoint && isRunning(pump.process)) return false
  await stopPump(dir)
  if (mappings.length === 0) return false
  await report.step('event-source pump', () => startPump(dir, endpoint))
  return true
}

async function startPump(dir: StateDir, endpoint: string): Promise<void> {
  const log = logOf(dir)
  const main = join(import.meta.dirname, 'pump', 'main.ts')
  const started = await startDetached(process.execPath, [main, '--endpoint', endpoint, '--checkpoints', dir.checkpoints], {
    cwd: repository,
    env: { PATH: [join(repository, 'node_modules', '.bin'), '/usr/bin', '/bin'].join(delimiter), HOME: dir.root, [marker]: dir.root },
    log,
  })
  updateRecord(dir, { pump: { process: started.id, endpoint } })
  await sleep(100) // a wrong call ends at once, and should be told here
  const reason = started.ended()
  if (reason) throw new LocalFailure(`The event-source pump did not start: ${reason}`, { log, advice: 'read the log' })
}

/** Lets it finish what is under way for a moment; what is not finished is delivered again. @returns whether one ran. */
export async function stopPump(dir: StateDir): Promise<boolean> {
  const { pump } = readRecord(dir)
  if (!pump?.process) return false
  const ran = isRunning(pump.process)
  if (ran) {
    signal(pump.process.pid, 'SIGTERM')
    if (!(await waitForEnd(pump.process, 3_000))) signal(pump.process.pid, 'SIGKILL')
  }
  updateRecord(dir, { pump: { endpoint: pump.endpoint } })
  return ran
}
