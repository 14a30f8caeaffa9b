import { LoadError } from '#core/errors.ts'
import { parseChunkJob } from '#core/loads/chunk.ts'
import type { Load } from '#core/loads/load.ts'
import { parsePlanMessage } from '#core/loads/plan-message.ts'

/** What the function needs of the world. */
export interface EndLoadDeps {
  readonly getLoad: (id: string) => Promise<Load | undefined>
  /** Whether the chunk is shown in its load. */
  readonly isCommitted: (load: string, chunk: number) => Promise<boolean>
  /** Ends the load, unless it has ended. */
  readonly failLoad: (id: string, error: LoadError) => Promise<void>
  /** Keeps a message whole that belongs to no load. */
  readonly keepMessage: (messageId: string, body: string, reason: string) => Promise<void>
  /** Tells of work that was given up. */
  readonly countGivenUp: (load: string, what: string) => void
}

/** @param body of a message that was received as often as its queue allows, and never done */
export type EndLoad = (messageId: string, body: string) => Promise<void>

/**
 * Ends the load of a message that nobody could handle, as `failed` with `dead-letter`: the receipt says so, and a replay takes the load up again. May
 * happen twice. A load that has ended in the meantime stays as it is, and so does one that has the chunk and still waits for others: the message was one
 * of two.
 */
export function createEndLoad({ getLoad, isCommitted, failLoad, keepMessage, countGivenUp }: EndLoadDeps): EndLoad {
  return async (messageId, body) => {
    const works = worksOf(body)
    if (!works) return keepMessage(messageId, body, 'it is no message of this queue')
    for (const { load: id, what, isAbout, chunk } of works) {
      const load = await getLoad(id)
      if (!load || !isAbout(load)) {
        await keepMessage(messageId, body, `its load ${id} is not known, or no longer`)
        continue
      }
      if (load.state !== 'receiving' && load.state !== 'loading') continue
      const others = load.planned !== undefined && load.committed < load.planned
      if (chunk !== undefined && others && (await isCommitted(id, chunk))) continue
      await failLoad(id, problemOf(load, what))
      countGivenUp(id, what)
    }
  }
}

interface Work {
  readonly load: string
  /** What was to be done, as the beginning of a sentence. */
  readonly what: string
  /** False for a load that only has the name: a message may say anything, and an object be put under any key. */
  readonly isAbout: (load: Load) => boolean
  /** The one chunk that was to be loaded. */
  readonly chunk?: number
}

/** The loads that a message is about; undefined when it is none of ours. */
function worksOf(body: string): Work[] | undefined {
  const job = parseChunkJob(body)
  if (job) {
    const isAbout = ({ door, tenant }: Load): boolean => door === 'file' && tenant === job.tenant
    if (job.mode === 'sequence') return [{ load: job.load, what: `Reading from chunk ${job.chunk} on`, isAbout }]
    return [{ load: job.load, what: `Chunk ${job.chunk}`, isAbout, chunk: job.chunk }]
  }
  const what = 'Planning the load'
  return parsePlanMessage(body)?.map(
    (message): Work =>
      message.kind === 'replay'
        ? { load: message.load, what, isAbout: ({ door }) => door === 'file' }
        : { load: message.key.split('/').at(-1)!, what, isAbout: (load) => load.door === 'file' && load.objectKey === message.key },
  )
}

function problemOf({ id, waiting }: Load, what: string): LoadError {
  const reason = waiting
    ? ` Last it said: ${waiting.detail}`
    : ' The functions that tried it died without a word: they ran out of time or memory.'
  return new LoadError(
    'dead-letter',
    `${what} was tried as often as the queue allows, and was given up.${reason} What was committed is counted. ` +
      `Once the cause is gone, replay the load (millrace replay ${id}): it goes on where it stopped.`,
  )
}
