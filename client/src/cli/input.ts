import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { StreamInput } from '../resuming.ts'

/** What `send` reads. When the signal comes its reading ends with the signal's reason, behind what has been read. */
export type SendInput = StreamInput & AsyncDisposable

/** Bytes read at once. */
const pieceBytes = 256 * 1024

/** A regular file, to its end as it is when it is reached. */
export async function fileInput(path: string, signal: AbortSignal): Promise<SendInput> {
  const file = await open(path, 'r')
  if (!(await file.stat()).isFile()) {
    await file.close()
    throw new Error('it is not a regular file; of a pipe, give its rows on standard input')
  }
  async function* from(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = offset; ; ) {
      signal.throwIfAborted()
      const { bytesRead, buffer } = await file.read(new Uint8Array(pieceBytes), 0, pieceBytes, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
  return { name: path, seekable: true, from, [Symbol.asyncDispose]: () => file.close() }
}

/** A pipe, for as long as it lasts. */
export function pipeInput(stream: Readable, signal: AbortSignal): SendInput {
  async function* from(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      // Asked for before reading: what came before the signal is read, and what a stopped reader has taken from the pipe nobody else gets.
      const stopped = signal.aborted
      const piece: Uint8Array | string | null = stream.read()
      if (piece !== null) yield typeof piece === 'string' ? Buffer.from(piece) : piece
      if (stopped) throw signal.reason
      if (piece === null) {
        if (stream.errored) throw stream.errored
        if (stream.readableEnded || stream.destroyed) return
        await change(stream, signal)
      }
    }
  }
  return {
    name: 'standard input',
    seekable: false,
    from,
    [Symbol.asyncDispose]: async () => void stream.destroy(),
  }
}

/** Until there is more to read, or nothing more to come, or it has to stop. */
function change(stream: Readable, signal: AbortSignal): Promise<void> {
  const events = ['readable', 'end', 'error', 'close']
  return new Promise((resolve) => {
    function done(): void {
      for (const name of events) stream.off(name, done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    for (const name of events) stream.on(name, done)
    signal.addEventListener('abort', done)
  })
}
