import { randomUUID } from 'node:crypto'
import { readSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Bytes that are read again here and there, kept in the function's own temporary storage instead of its memory. */
export interface ScratchFile extends AsyncDisposable {
  readonly length: number
  /** The bytes [from, to). Does not wait: what was just written is in the system's cache. */
  read(from: number, to: number): Buffer
}

/** Writes pieces into a file without a name: however the process ends, nothing stays behind. */
export async function scratchFile(pieces: AsyncIterable<Buffer>): Promise<ScratchFile> {
  const path = join(tmpdir(), `millrace-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await rm(path)
    let length = 0
    for await (const piece of pieces) {
      await file.writeFile(piece)
      length += piece.length
    }
    return {
      length,
      read(from, to) {
        const bytes = Buffer.allocUnsafeSlow(to - from)
        for (let at = 0; at < bytes.length; ) {
          const read = readSync(file.fd, bytes, at, bytes.length - at, from + at)
          if (read === 0) throw new Error(`a temporary file ends before byte ${to}`)
          at += read
        }
        return bytes
      },
      [Symbol.asyncDispose]: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}
