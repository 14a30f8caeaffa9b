import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { crc32 } from 'node:zlib'
import { PushError } from './errors.ts'
import type { Source } from './source.ts'

/** A file on disk, for Node. Close it when the push is over. */
export async function fileSource(path: string): Promise<Source & AsyncDisposable> {
  const file = await open(path, 'r')
  const stat = await file.stat()
  if (!stat.isFile()) {
    await file.close()
    throw new Error('it is not a regular file, and only such a file can be read again by range')
  }
  const { size } = stat

  async function read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(end - start)
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at)
      if (bytesRead === 0)
        throw new PushError('file-changed', `${path} ended at byte ${start + at}, but had ${size} bytes when it was opened`)
      at += bytesRead
    }
    return bytes
  }
  // By handle: a file replaced by renaming leaves the push on the old bytes, all of them.
  async function version(): Promise<string> {
    const now = await file.stat({ bigint: true })
    return `${now.size}-${now.mtimeNs}`
  }
  return { name: basename(path), size, read, version, crc32, [Symbol.asyncDispose]: () => file.close() }
}
