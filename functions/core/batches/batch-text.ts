import { createHash } from 'node:crypto'

/** Bytes of a block: 64 of them hold the longest text. */
const blockBytes = 1024 * 1024
/**
 * Blocks of texts that are done with. Without them a function that takes one large batch after the other would have the text of the last one
 * beside that of this one, until the collector finds it.
 */
const free: Buffer[] = []

/** The inflated body of a batch, in blocks: joined it would be in memory twice. */
export class BatchText {
  #blocks: Buffer[] = []
  readonly #hash = createHash('sha256')
  #size = 0

  get size(): number {
    return this.#size
  }
  /** SHA-256 of all that was added; asked for once. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  add(piece: Buffer): void {
    this.#hash.update(piece)
    for (let at = 0; at < piece.length; ) {
      const from = this.#size % blockBytes
      if (from === 0) this.#blocks.push(free.pop() ?? Buffer.allocUnsafeSlow(blockBytes))
      const copied = piece.copy(this.#blocks.at(-1)!, from, at)
      this.#size += copied
      at += copied
    }
  }

  /** All of it, block by block. */
  *pieces(): Generator<Buffer> {
    for (const [i, block] of this.#blocks.entries()) yield block.subarray(0, Math.min(blockBytes, this.#size - i * blockBytes))
  }

  byte(at: number): number {
    return this.#blocks[Math.floor(at / blockBytes)]![at % blockBytes]!
  }

  /** Copies the bytes from `from` up to, not including, `to`. */
  copy(from: number, to: number, target: Buffer, at: number): void {
    for (let left = from; left < to; ) {
      const start = left % blockBytes
      left += this.#blocks[Math.floor(left / blockBytes)]!.copy(target, at + left - from, start, Math.min(blockBytes, start + to - left))
    }
  }

  slice(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe(to - from)
    this.copy(from, to, bytes, 0)
    return bytes
  }

  /** Gives the blocks back. Nothing can be read from then on. */
  release(): void {
    free.push(...this.#blocks)
    this.#blocks = []
    this.#size = 0
  }
}
