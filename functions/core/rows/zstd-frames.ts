import { LoadError } from '#core/errors.ts'

/**
 * Node's zstd decoder stops in silence at the end of a frame when more bytes stand behind it in the same write. Files of several frames are
 * common (pzstd, `cat a.zst b.zst`), so the frames are walked here, without inflating anything, and their ends are where the pieces are cut.
 * Format: RFC 8878, 3.1 (frames, blocks) and 3.1.2 (skippable frames).
 */
const frameMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50
const rleBlock = 1

/** What is expected next: a frame, a block, or so many bytes that go through (or, of a skippable frame, away). */
type Next =
  | { readonly kind: 'frame' }
  | { readonly kind: 'block'; readonly checksum: boolean }
  | { readonly kind: 'pass' | 'drop'; readonly bytes: number; readonly next: Next }

const frame: Next = { kind: 'frame' }

export class ZstdFrames {
  #next: Next = frame
  /** The beginning of a header whose rest has not arrived. */
  #held: Buffer = Buffer.alloc(0)
  #frames = 0

  /** The bytes for the decoder, in pieces of which none reaches over the end of a frame. */
  push(piece: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, piece]) : piece
    let start = 0
    let at = 0
    while (at < bytes.length) {
      const next = this.#next
      if (next.kind === 'pass' || next.kind === 'drop') {
        const taken = Math.min(next.bytes, bytes.length - at)
        at += taken
        if (next.kind === 'drop') start = at
        this.#next = taken < next.bytes ? { ...next, bytes: next.bytes - taken } : next.next
        // After an element that ends a frame the decoder must see a write of its own.
        if (this.#next === frame && at > start) {
          pieces.push(bytes.subarray(start, at))
          start = at
        }
        continue
      }
      const header = next.kind === 'block' ? blockHeader(bytes, at, next.checksum) : this.#frameHeader(bytes, at)
      if (!header) break
      this.#next = header
    }
    this.#held = Buffer.from(bytes.subarray(at))
    if (at > start) pieces.push(bytes.subarray(start, at))
    return pieces
  }

  /** @throws LoadError compression-truncated when the data ends inside a frame */
  finish(): void {
    if (this.#next === frame && this.#held.length === 0) {
      if (this.#frames > 0) return
      throw new LoadError(
        'compression-truncated',
        'The zstd data has skippable frames only, and no data in them; was the file written to its end?',
      )
    }
    if (this.#next === frame && this.#frames > 0 && !isMagicStart(this.#held)) throw trailingData()
    throw new LoadError('compression-truncated', 'The zstd data ends in the middle; upload the whole file.')
  }

  #frameHeader(bytes: Buffer, at: number): Next | undefined {
    if (bytes.length - at < 8) return undefined
    const magic = bytes.readUInt32LE(at)
    if ((magic & 0xfffffff0) >>> 0 === skippableMagic) return { kind: 'drop', bytes: 8 + bytes.readUInt32LE(at + 4), next: frame }
    if (magic !== frameMagic) throw this.#frames > 0 ? trailingData() : corrupt()
    const descriptor = bytes[at + 4]!
    const singleSegment = (descriptor & 0x20) !== 0
    const sizeFlag = descriptor >> 6
    const contentSize = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag
    const dictionaryId = [0, 1, 2, 4][descriptor & 3]!
    this.#frames++
    const length = 5 + (singleSegment ? 0 : 1) + dictionaryId + contentSize
    return { kind: 'pass', bytes: length, next: { kind: 'block', checksum: (descriptor & 4) !== 0 } }
  }
}

function blockHeader(bytes: Buffer, at: number, checksum: boolean): Next | undefined {
  if (bytes.length - at < 3) return undefined
  const header = bytes.readUIntLE(at, 3)
  const content = ((header >> 1) & 3) === rleBlock ? 1 : header >> 3
  const last = (header & 1) === 1
  if (!last) return { kind: 'pass', bytes: 3 + content, next: { kind: 'block', checksum } }
  return { kind: 'pass', bytes: 3 + content + (checksum ? 4 : 0), next: frame }
}

function isMagicStart(bytes: Buffer): boolean {
  const magic = [0x28, 0xb5, 0x2f, 0xfd]
  const skippable =
    bytes.length > 0 && (bytes[0]! & 0xf0) === 0x50 && [0x2a, 0x4d, 0x18].every((b, i) => i + 1 >= bytes.length || bytes[i + 1] === b)
  return skippable || magic.every((b, i) => i >= bytes.length || bytes[i] === b)
}

const trailingData = (): LoadError =>
  new LoadError('compression-trailing-data', 'The file goes on after the end of its zstd data; remove what follows.')
const corrupt = (): LoadError => new LoadError('compression-corrupt', 'The zstd data is damaged; compress and upload the file again.')
