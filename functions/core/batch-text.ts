import { createHash } from 'node:crypto'

/** The inflated body of a batch in the pieces that it came in. Joined it would be in memory twice. */
export class BatchText {
  readonly #pieces: Buffer[] = []
  /** Offset of each piece. */
  readonly #starts: number[] = []
  readonly #hash = createHash('sha256')
  #size = 0

  get pieces(): readonly Buffer[] {
    return this.#pieces
  }
  get size(): number {
    return this.#size
  }
  /** SHA-256 of all that was added; asked for once. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#starts.push(this.#size)
    this.#hash.update(piece)
    this.#size += piece.length
  }

  byte(at: number): number {
    const i = this.#pieceAt(at)
    return this.#pieces[i]![at - this.#starts[i]!]!
  }

  /** Copies the bytes from `from` up to, not including, `to`. */
  copy(from: number, to: number, target: Buffer, at: number): void {
    let left = from
    for (let i = this.#pieceAt(from); left < to; i++) {
      const [piece, start] = [this.#pieces[i]!, this.#starts[i]!]
      left += piece.copy(target, at + left - from, left - start, Math.min(piece.length, to - start))
    }
  }

  slice(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe(to - from)
    this.copy(from, to, bytes, 0)
    return bytes
  }

  #pieceAt(at: number): number {
    let [low, high] = [0, this.#starts.length]
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.#starts[middle]! <= at) low = middle
      else high = middle
    }
    return low
  }
}
