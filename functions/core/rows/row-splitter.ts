import type { BulkReader, RowBoundaries } from './row-boundaries.ts'

export interface SplitRow {
  /** Without its newline. A view: valid until the callback returns. Of an oversized row only the beginning. */
  readonly bytes: Buffer
  /** From 1, counted from where the splitter began; blank lines count. */
  readonly line: number
  /** Of its first byte in the text. */
  readonly offset: number
  readonly oversized: boolean
}

/** How much of an oversized row is kept for its reject; no more than a row may have, which is held in any case. */
const oversizedPrefix = 8 * 1024
const newline = 10
const carriageReturn = 13
/** Bytes of the longest line ending, CRLF. */
const lineEnding = 2

export interface SplitterOptions {
  readonly boundaries: RowBoundaries
  /** Longest row taken, bytes. */
  readonly rowBytes: number
  /** Text offset of the first byte that will be pushed. */
  readonly offset: number
  /** True when that byte is the last one before the range: rows begin after the next newline. */
  readonly skipToNewline: boolean
  /** True when another reader owns what lies behind the limit: then nobody needs to read a giant row to its end. */
  readonly ranged: boolean
}

/**
 * Cuts a stream of bytes into rows with bounded memory: whatever the file, at most one row (its limit) and one piece are held.
 *
 * A chunk owns the rows that *begin* in its range. So a reader that starts in the middle of a file begins one byte early and
 * skips to the first newline, and a reader goes on past its range until its last row ends. Rows that straddle an edge are
 * thus read by exactly one chunk, whatever the sizes.
 */
export class RowSplitter {
  readonly #boundaries: RowBoundaries
  readonly #rowBytes: number
  readonly #prefixBytes: number
  /** Where the pieces are joined: one buffer for all of them, or the garbage collector would have one per piece to look after. */
  #room: Buffer = Buffer.alloc(0)
  /** What is held: a view of `#room`. */
  #bytes: Buffer = this.#room
  /** Where in `#bytes` the next row begins, and the text offset of `#bytes[0]`. */
  #at = 0
  /** Index behind the last newline: no whole row ends behind it. */
  #lastLine = 0
  #base: number
  readonly #ranged: boolean
  #skipping: boolean
  /** A line that is too long, while it passes. `blank`: nothing has been seen in it yet that makes it a row. */
  #oversized: { prefix: Buffer; offset: number; line: number; blank: boolean } | undefined
  #lines = 0

  constructor({ boundaries, rowBytes, offset, skipToNewline, ranged }: SplitterOptions) {
    this.#ranged = ranged
    this.#boundaries = boundaries
    this.#rowBytes = rowBytes
    this.#prefixBytes = Math.min(rowBytes, oversizedPrefix)
    this.#base = offset
    this.#skipping = skipToNewline
  }

  /** Lines passed so far. */
  get lines(): number {
    return this.#lines
  }
  /** Starts counting lines again: for the next chunk of the same stream. `lines` have passed already. */
  resetLines(lines: number): void {
    this.#lines = lines
  }
  /** True while bytes are held that have not been split. */
  get holds(): boolean {
    return this.#at < this.#bytes.length
  }
  /** False within a row that is too long to be held, or in a line that began before the range. */
  get betweenRows(): boolean {
    return !this.#skipping && this.#oversized === undefined
  }
  /** Text offset at which the next row begins. */
  get offset(): number {
    return this.#base + this.#at
  }

  /** Takes over the bytes of a piece; the piece itself is not kept. */
  push(piece: Buffer): void {
    const rest = this.#bytes.length - this.#at
    const length = rest + piece.length
    const room = length <= this.#room.length ? this.#room : Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#room.length))
    this.#bytes.copy(room, 0, this.#at)
    piece.copy(room, rest)
    this.#room = room
    this.#bytes = room.subarray(0, length)
    this.#base += this.#at
    this.#at = 0
    this.#lastLine = this.#bytes.lastIndexOf(newline) + 1
  }

  /**
   * Hands out every whole row that begins before `limit`. Returns true when there can be no more of them: the next row
   * begins at or behind the limit, or (`final`) the text is over.
   * @param bulk tried first at every row
   */
  rows(limit: number, final: boolean, onRow: (row: SplitRow) => void, bulk?: BulkReader): boolean {
    if (this.#skipping && !this.#skip(limit, final)) return this.offset >= limit || final
    if (this.offset === 0 && !this.#skipByteOrderMark(final)) return false
    for (;;) {
      if (this.#oversized) {
        if (!this.#passOversized(limit, final, onRow)) return false
        continue
      }
      if (final && this.#at === this.#bytes.length) return true
      if (this.offset >= limit && !this.#boundaries.over?.()) return true
      if (bulk && this.#at < this.#lastLine) {
        const taken = bulk(this.#bytes, this.#at, this.#lastLine, limit - this.#base, this.#lines + 1, this.#base)
        this.#at = taken.at
        this.#lines += taken.rows
        if (taken.rows > 0) continue
      }
      const end = this.#end(final)
      if (end >= 0) this.#emit(end, onRow)
      else if (this.#overlong) this.#startOversized(onRow)
      else return false
    }
  }

  /** True when more is held than a row and its line ending can have. */
  get #overlong(): boolean {
    return this.#bytes.length - this.#at > this.#rowBytes + lineEnding
  }

  /**
   * Where the next row ends, or -1. It is looked for in no more bytes than a row may have, so that the answer does not depend
   * on how many have arrived: otherwise a quote that closes far behind would count in a large piece and not in small ones.
   */
  #end(final: boolean): number {
    const most = this.#at + this.#rowBytes + lineEnding + 1
    const to = Math.min(this.#bytes.length, most)
    return this.#boundaries.end(this.#bytes, this.#at, to, final && to === this.#bytes.length)
  }

  /** The next row by itself, such as a header; undefined when that needs more bytes, or there is none. */
  first(final: boolean): SplitRow | undefined {
    if (this.offset === 0 && !this.#skipByteOrderMark(final)) return undefined
    let row: SplitRow | undefined
    while (!row && this.#at < this.#bytes.length) {
      const end = this.#end(final)
      const oversized = end < 0 && this.#overlong
      if (end < 0 && !oversized) return undefined
      this.#emit(oversized ? this.#bytes.length : end, (r) => {
        row = r
      })
    }
    return row
  }

  #emit(end: number, onRow: (row: SplitRow) => void): void {
    const start = this.#begin(end)
    const [offset, line] = [this.#base + start, this.#lines + 1]
    let to = end
    if (to > start && this.#bytes[to - 1] === newline) to--
    if (to > start && this.#bytes[to - 1] === carriageReturn) to--
    this.#countLines(start, end)
    this.#at = end
    if (this.#boundaries.blank(this.#bytes, start, to)) return
    const oversized = to - start > this.#rowBytes
    onRow({ bytes: this.#bytes.subarray(start, oversized ? start + this.#prefixBytes : to), line, offset, oversized })
  }

  /** A row that is too long and has not ended: if it holds a newline (inside a quote) it ends there, else everything up to the next newline is let go. */
  #startOversized(onRow: (row: SplitRow) => void): void {
    if (this.#boundaries.pass) {
      this.#at = this.#begin(this.#bytes.length)
      const prefix = Buffer.from(this.#bytes.subarray(this.#at, this.#at + this.#prefixBytes))
      this.#oversized = { prefix, offset: this.offset, line: this.#lines + 1, blank: false }
      return
    }
    const first = this.#bytes.indexOf(newline, this.#at)
    if (first >= 0) {
      this.#emit(first + 1, onRow)
      return
    }
    const prefix = Buffer.from(this.#bytes.subarray(this.#at, this.#at + this.#prefixBytes))
    const blank = this.#boundaries.blank(this.#bytes, this.#at, this.#bytes.length)
    this.#oversized = { prefix, offset: this.offset, line: this.#lines + 1, blank }
    this.#at = this.#bytes.length
  }

  /** Index at which the row that ends at `end` begins; the lines before it are counted. */
  #begin(end: number): number {
    if (!this.#boundaries.begin) return this.#at
    const start = this.#boundaries.begin(this.#bytes, this.#at, end)
    this.#countLines(this.#at, start)
    return start
  }

  /** True when the oversized row is over, or as much of it as this reader has to pass. */
  #passOversized(limit: number, final: boolean, onRow: (row: SplitRow) => void): boolean {
    const oversized = this.#oversized!
    const { prefix, offset, line } = oversized
    if (this.#boundaries.pass) {
      const from = this.#at
      const end = this.#boundaries.pass(this.#bytes, from, this.#bytes.length, final)
      this.#at = end < 0 ? this.#bytes.length : end
      this.#countLines(from, this.#at)
      if (end < 0) return false
      this.#oversized = undefined
      onRow({ bytes: prefix, line, offset, oversized: true })
      return true
    }
    const next = this.#bytes.indexOf(newline, this.#at)
    oversized.blank &&= this.#boundaries.blank(this.#bytes, this.#at, next < 0 ? this.#bytes.length : next)
    this.#at = next < 0 ? this.#bytes.length : next + 1
    // While it may still turn out blank, only its end tells whether it is a row.
    if (next < 0 && !final && !(this.#ranged && this.offset >= limit && !oversized.blank)) return false
    this.#oversized = undefined
    this.#lines++
    if (next < 0) this.#skipping = true
    if (oversized.blank) return true
    onRow({ bytes: prefix, line, offset, oversized: true })
    return true
  }

  #skip(limit: number, final: boolean): boolean {
    const next = this.#bytes.indexOf(newline, this.#at)
    this.#at = next < 0 ? this.#bytes.length : next + 1
    this.#skipping = next < 0
    return next >= 0 && (this.offset < limit || final)
  }

  #skipByteOrderMark(final: boolean): boolean {
    if (this.#bytes.length < 3 && !final) return false
    if (this.#bytes[0] === 0xef && this.#bytes[1] === 0xbb && this.#bytes[2] === 0xbf) this.#at = 3
    return true
  }

  #countLines(from: number, end: number): void {
    const last = this.#boundaries.begin ? end : end - 1
    if (!this.#boundaries.begin) this.#lines++
    for (let i = this.#bytes.indexOf(newline, from); i >= 0 && i < last; i = this.#bytes.indexOf(newline, i + 1)) this.#lines++
  }
}
