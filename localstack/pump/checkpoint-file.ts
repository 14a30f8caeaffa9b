import { open, readFile, rename, rm } from 'node:fs/promises'
import type { Checkpoint, CheckpointStore } from '../event-source/ports.ts'
import { LocalFailure } from '../failure.ts'

interface Stored extends Checkpoint {
  readonly version: 1
  /** When the stream was made: a new one of the same name begins anew. */
  readonly stream: string
}

/** Keeps a mapping's checkpoint in a file. Each save replaces it in one step and reaches the disk first: a kill leaves the old one or the new one. */
export function createCheckpointFile(path: string, stream: string, log: (line: string) => void): CheckpointStore {
  return {
    async load() {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      })
      if (text === undefined) return undefined
      const stored = parse(text, path)
      if (stored.stream === stream) return { shards: stored.shards }
      log(`The checkpoint ${path} is of a stream that is no more (made ${stored.stream}); beginning anew.`)
      return undefined
    },
    async save({ shards }) {
      const next = `${path}.next`
      const stored: Stored = { version: 1, stream, shards }
      const file = await open(next, 'w', 0o600)
      try {
        await file.writeFile(`${JSON.stringify(stored, null, 2)}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(next, path).catch(async (error: unknown) => {
        await rm(next, { force: true })
        throw error
      })
    },
  }
}

function parse(text: string, path: string): Stored {
  const advice = 'delete it to begin where the mapping’s starting position says'
  let stored: Partial<Stored>
  try {
    stored = JSON.parse(text) as Partial<Stored>
  } catch (cause) {
    throw new LocalFailure(`The checkpoint ${path} is not JSON.`, { advice, cause })
  }
  const { version, stream, shards } = stored
  if (version !== 1 || stream === undefined || shards === undefined)
    throw new LocalFailure(`The checkpoint ${path} is not of a form known here.`, { advice })
  return { version, stream, shards }
}
