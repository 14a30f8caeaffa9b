import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, crc32, createGunzip } from 'node:zlib'
import { AccountingError, LoadError } from '#core/errors.ts'
import type { ReadObject } from './objects.ts'

/** The checksum of the object bytes that passed since the last mark, of those in [from, to). */
export class SourceChecksum {
  #from: number
  readonly #to: number
  #end: number
  #crc = 0

  constructor(from: number, to = Number.POSITIVE_INFINITY) {
    this.#from = from
    this.#end = from
    this.#to = to
  }

  /** `bytes` begin at object offset `offset`; what lies outside the range, or was covered before, does not count. */
  update(bytes: Buffer, offset: number): void {
    if (offset > this.#end && offset < this.#to) throw new AccountingError(`the bytes from ${this.#end} to ${offset} were not read`)
    const start = Math.max(this.#end - offset, 0)
    const end = Math.min(this.#to - offset, bytes.length)
    if (end <= start) return
    this.#crc = crc32(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#crc)
    this.#end = offset + end
  }

  /** What passed since the last call. */
  take(): { sourceStart: number; sourceEnd: number; crc32: number } {
    const taken = { sourceStart: this.#from, sourceEnd: this.#end, crc32: this.#crc }
    this.#from = this.#end
    this.#crc = 0
    return taken
  }
}

/** Bytes of one ranged read in a long sequence: a connection is never held open while the database works for minutes. */
const blockBytes = 16 * 1024 * 1024
/** Bytes of one read beyond a range, to find the end of its last row. */
const tailBytes = 64 * 1024

export interface Source {
  readonly read: ReadObject
  readonly key: string
  /** Bytes of the object. */
  readonly size: number
}

/** The object's bytes from `from` on: the range up to `to` first, then on in small steps for as long as somebody asks. */
export async function* plainText({ read, key, size }: Source, from: number, to: number, checksum: SourceChecksum): AsyncGenerator<Buffer> {
  let at = from
  while (at < size) {
    const end = at < to ? Math.min(to, at + blockBytes, size) : Math.min(at + tailBytes, size)
    for await (const piece of read(key, at, end)) {
      checksum.update(piece, at)
      at += piece.length
      yield piece
    }
    if (at < end) throw new LoadError('object-changed', `The uploaded object ${key} ended at byte ${at} of ${size}; upload the file again.`)
  }
}

/** Text may be this many times the bytes it came from... */
const inflateRatio = 200
/** ...once there is more of it than this: short files compress as they like. */
const inflateGrace = 64 * 1024 * 1024

/**
 * The inflated text of a gzip object, all its members, from the beginning (a gzip stream cannot be entered in the middle).
 * @throws LoadError gzip-corrupt, gzip-truncated, gzip-trailing-data, inflate-ratio-exceeded
 */
export async function* gzipText(source: Source, checksum: SourceChecksum): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024, finishFlush: constants.Z_FINISH })
  let fed = 0
  const feed = async function* () {
    for await (const piece of plainText(source, 0, source.size, checksum)) {
      fed += piece.length
      yield piece
    }
  }
  const fault = pipeline(Readable.from(feed(), { objectMode: true, highWaterMark: 2 }), gunzip).then(
    () => undefined,
    (error: unknown) => error,
  )
  let inflated = 0
  try {
    for await (const piece of gunzip) {
      inflated += (piece as Buffer).length
      if (inflated > inflateGrace && inflated > fed * inflateRatio)
        throw new LoadError(
          'inflate-ratio-exceeded',
          `The file inflates to more than ${inflateRatio} times its size; send it in smaller or uncompressed files.`,
        )
      yield piece as Buffer
    }
  } catch (error) {
    throw gzipFault(error)
  } finally {
    gunzip.destroy()
  }
  const error = await fault
  if (error !== undefined && gunzip.bytesWritten >= source.size) throw gzipFault(error)
  if (gunzip.bytesWritten < source.size) throw trailingData()
}

const trailingData = (cause?: unknown): LoadError =>
  new LoadError('gzip-trailing-data', 'The file goes on after the end of its gzip data; remove what follows.', { cause })

function gzipFault(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) return error
  if (error.code === 'Z_BUF_ERROR')
    return new LoadError('gzip-truncated', 'The gzip data ends in the middle; upload the whole file.', { cause: error })
  if (error.code !== 'Z_DATA_ERROR') return error
  // That the file begins as gzip was seen when it was planned; zlib takes whatever follows a member for the next one.
  if (error.message === 'incorrect header check') return trailingData(error)
  return new LoadError('gzip-corrupt', 'The gzip data is damaged; compress and upload the file again.', { cause: error })
}
