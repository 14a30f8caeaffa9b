import { crc32 } from 'node:zlib'
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

  /** Offset up to which the bytes have passed. */
  get end(): number {
    return this.#end
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
