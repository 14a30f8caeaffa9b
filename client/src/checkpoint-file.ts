import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { SendError } from './errors.ts'
import type { SendState } from './send-state.ts'

/** What a sender has on disk, so that another one can go on. */
export interface Checkpoint extends AsyncDisposable {
  /** What was saved before, of the same stream. */
  readonly saved: SendState | undefined
  /** Resolves when the state, or a later one, is on the disk. Rejects with SendError `checkpoint-not-saved`. */
  readonly save: (state: SendState) => Promise<void>
}
interface Options {
  readonly dataset: string
  /** The server: the same keys mean other loads elsewhere. */
  readonly url: string
  /** Forget what was saved. */
  readonly restart?: boolean
}
interface Content {
  readonly what: 'millrace send'
  readonly url: string
  readonly savedAt: string
  readonly state: SendState
}

/**
 * Opens the checkpoint at `path`, for one process at a time.
 * @throws SendError `not-resumable` when it belongs to another stream, or another process uses it
 */
export async function openCheckpoint(path: string, { dataset, url, restart }: Options): Promise<Checkpoint> {
  const unlock = await lock(path)
  try {
    const content = restart ? undefined : await readContent(path)
    const other = (what: string) => new SendError('not-resumable', `the checkpoint ${path} is of a stream ${what}`)
    if (content && content.state.dataset !== dataset) throw other(`into ${content.state.dataset}`)
    if (content && content.url !== url) throw other(`to ${content.url}`)
    return { saved: content?.state, save: createSaver(path, url), [Symbol.asyncDispose]: unlock }
  } catch (error) {
    await unlock()
    throw error
  }
}

/** One write at a time; whoever comes meanwhile shares the next one. */
function createSaver(path: string, url: string): Checkpoint['save'] {
  let latest: SendState
  let current: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  function begin(): Promise<void> {
    next = undefined
    const content: Content = { what: 'millrace send', url, savedAt: new Date().toISOString(), state: latest }
    current = replaceFile(path, `${JSON.stringify(content)}\n`)
    return current
  }
  return (state) => {
    latest = state
    next ??= current.then(begin, begin)
    return next
  }
}

/**
 * Whole or not at all, and there even when the power fails in the next moment: a batch must never be sent before it is known here.
 * @throws SendError checkpoint-not-saved
 */
async function replaceFile(path: string, text: string): Promise<void> {
  const made = `${path}.new`
  try {
    await write(made, path, text)
  } catch (cause) {
    await rm(made, { force: true }).catch(() => undefined)
    const why = cause instanceof Error ? cause.message : String(cause)
    const advice = hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT') ? 'Make room for it' : 'See that it can be written'
    throw new SendError('checkpoint-not-saved', `The checkpoint ${path} could not be saved, so no more is sent: ${why}. ${advice}.`, cause)
  }
}

async function write(made: string, path: string, text: string): Promise<void> {
  const file = await open(made, 'w')
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(made, path)
  const folder = await open(dirname(resolve(path)), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function readContent(path: string): Promise<Content | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (text === undefined) return undefined
  const content = parsed(text)
  if (content?.what !== 'millrace send' || content.state?.version !== 1)
    throw new SendError('not-resumable', `${path} is not a checkpoint of this version of millrace send`)
  return content
}
function parsed(text: string): Content | undefined {
  try {
    return JSON.parse(text) as Content
  } catch {
    return undefined
  }
}

/** Two senders with one checkpoint would give one key to two batches. What a killed one left behind is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  const file = `${path}.lock`
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' })
      return () => rm(file, { force: true })
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
    const holder = Number(await readFile(file, 'utf8').catch(() => ''))
    if (holder > 0 && holder !== process.pid && isAlive(holder))
      throw new SendError('not-resumable', `the checkpoint ${path} is in use by process ${holder} (if that is no sender: remove ${file})`)
    await rm(file, { force: true })
  }
}
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}
const hasCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code
