import { combineCrc32, crc32 } from '../../functions/core/loads/crc32.ts'

/** When a batch is full. */
export interface BatchLimits {
  readonly rows: number
  /** Bytes of its text, before compression. A single row may have more. */
  readonly bytes: number
}
/** A stretch of a stream of NDJSON that makes one batch: whole lines, in their order. */
export interface Cut {
  /** The stretch as it is sent: as it came, but for what was left out of a line that is too long for any server. */
  readonly body: Uint8Array<ArrayBuffer>
  /** Bytes of the stream, [start, end), and their CRC32. */
  readonly start: number
  readonly end: number
  readonly crc32: number
  /** Lines that are not blank. */
  readonly rows: number
  readonly lines: number
  /** Where the last line begins, when it has no newline: the stream ended there. And the CRC32 of what is before it. */
  readonly unended: { readonly start: number; readonly crc32: number } | undefined
}
export interface Batcher {
  /** Takes a piece of the stream, and hands out batches as they become full. It must be run to its end before the next piece. */
  readonly push: (piece: Uint8Array) => Generator<Cut, void, undefined>
  /** What is held: whole lines, and with `final` the line that was begun too. Undefined when there is nothing. */
  readonly take: (final: boolean) => Cut | undefined
  /** Whole rows that are held. */
  readonly rows: () => number
}

/**
 * Bytes of one line that are sent. No server takes rows of more than 1 MiB, and one that gets so much of a row says so (`row-too-large`): the rest
 * would only fill the memory here, and might not fit into a request, which would stop the stream for good.
 */
export const longestLine = 2 * 1024 * 1024

/** Bytes of a batch at most. The door takes 4 MiB as they are sent: even what cannot be compressed, and grows by it, stays below that. */
export const mostBatchBytes = 4_000_000

const newline = 10
/** Space, tab, carriage return. */
const isSpace = (byte: number): boolean => byte === 32 || byte === 9 || byte === 13
const mark = [0xef, 0xbb, 0xbf]

/** Cuts a stream of bytes into batches of whole lines. Nothing is parsed: what a row is worth, the server says. */
export function createBatcher(limits: BatchLimits, offset = 0): Batcher {
  /** Bytes to send: whole lines up to `lineEnd`, then what is kept of the line that has begun. */
  let held = new Uint8Array(Math.min(limits.bytes, firstBuffer))
  let length = 0
  let lineEnd = 0
  let rows = 0
  let lines = 0
  /** Of the stream: where the batch begins, how far its whole lines reach, and their CRC32. */
  let start = offset
  let end = offset
  let crc = 0
  /** Of the begun line: its bytes in the stream, so far, and their CRC32. */
  let begun = 0
  let begunCrc = 0

  function keep(bytes: Uint8Array): void {
    if (held.length < length + bytes.length) {
      const larger = new Uint8Array(Math.max(length + bytes.length, held.length * 2))
      larger.set(held.subarray(0, length))
      held = larger
    }
    held.set(bytes, length)
    length += bytes.length
  }
  /** Bytes of the begun line, without its newline. */
  function append(bytes: Uint8Array): void {
    const room = Math.max(0, longestLine - (length - lineEnd))
    keep(bytes.subarray(0, room))
    // A line that is blank up to here may still turn out to be a row: by the one byte that is kept then.
    if (bytes.length > room && isBlank(held, lineEnd, length)) {
      const ink = indexOfInk(bytes, room)
      if (ink >= 0) keep(bytes.subarray(ink, ink + 1))
    }
    begunCrc = crc32(bytes, begunCrc)
    begun += bytes.length
  }
  function endLine(newlines: Uint8Array): void {
    if (!isBlank(held, lineEnd, length)) rows++
    keep(newlines)
    crc = crc32(newlines, combineCrc32(crc, begunCrc, begun))
    end += begun + newlines.length
    lineEnd = length
    lines++
    begun = 0
    begunCrc = 0
  }
  /** Hands out the whole lines; the begun one moves to the next batch. */
  function cut(unended?: Cut['unended']): Cut {
    const rest = held.slice(lineEnd, length)
    const made: Cut = { body: held.subarray(0, lineEnd), start, end, crc32: crc, rows, lines, unended }
    // Batches of one stream are much alike: one as large as this one needs no growing, which leaves twice its size as garbage.
    held = new Uint8Array(Math.max(rest.length, Math.ceil(lineEnd * 1.05)))
    held.set(rest)
    length = rest.length
    lineEnd = 0
    rows = 0
    lines = 0
    start = end
    crc = 0
    return made
  }

  function* push(piece: Uint8Array): Generator<Cut, void, undefined> {
    for (let at = 0; at < piece.length; ) {
      const next = piece.indexOf(newline, at)
      const upTo = next < 0 ? piece.length : next
      append(piece.subarray(at, upTo))
      // A line that no longer fits goes to the next batch, as soon as that is known: only a single line may have more than the limit.
      if (length + 1 > limits.bytes && lineEnd > 0) yield cut()
      if (next < 0) return
      endLine(piece.subarray(next, next + 1))
      at = next + 1
      if (rows >= limits.rows || lineEnd >= limits.bytes) yield cut()
    }
  }
  function take(final: boolean): Cut | undefined {
    const unended = final && begun > 0 ? { start: end, crc32: crc } : undefined
    if (unended) endLine(new Uint8Array(0))
    return end > start ? cut(unended) : undefined
  }
  return { push, take, rows: () => rows }
}

/** Bytes a batch begins with: it grows to what it needs. */
const firstBuffer = 64 * 1024

/** Index of the first byte that is not white space, or -1. */
function indexOfInk(bytes: Uint8Array, from: number, to = bytes.length): number {
  for (let i = from; i < to; i++) if (!isSpace(bytes[i]!)) return i
  return -1
}
/** True for a line that is no row. The server skips a byte order mark at the beginning of a text, and a batch is one. */
function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  const marked = from === 0 && to >= mark.length && mark.every((byte, i) => bytes[i] === byte)
  return indexOfInk(bytes, marked ? mark.length : from, to) < 0
}
