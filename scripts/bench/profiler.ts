import { writeFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { join } from 'node:path'

/**
 * Imported by a process of the bench before its own program (see profile.ts): profiles it from its first order on, so that its start, which
 * a warm function does not have, is left out. Writes the profile into the folder that its URL names.
 */
/** Microseconds between samples. */
const sampling = 200

const folder = new URL(import.meta.url).searchParams.get('folder')!
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.setSamplingInterval', { interval: sampling })
process.once('message', () => session.post('Profiler.start'))
process.once('exit', () =>
  session.post('Profiler.stop', (_error: Error | null, { profile }: Profiler.StopReturnType) =>
    writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(profile)),
  ),
)
