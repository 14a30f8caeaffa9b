import { exact } from './plain.ts'

/**
 * Whole numbers as differences from one to the next, in blocks of equal size, each of miniblocks with a bit width of their own. Read one after the other.
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#delta-encoding-delta_binary_packed--5
 */
export class Deltas {
  readonly #page: Buffer
  /** Bits of the type: sums wrap there. */
  readonly #bits: 32 | 64
  readonly #miniblocks: number
  /** Values of a miniblock. */
  readonly #size: number
  #at = 0
  /** Values that were not taken yet. */
  #left: number
  #last: bigint
  #isFirst = true
  /** Of this block: the least difference, where the bit widths stand, and miniblocks that were begun. */
  #least = 0n
  #widths = 0
  #begun: number
  /** Of this miniblock: values left, bits of each, and where the next one begins, in bits. */
  #here = 0
  #width = 0
  #bit = 0

  constructor(page: Buffer, bits: 32 | 64) {
    this.#page = page
    this.#bits = bits
    const block = Number(this.#unsigned())
    this.#miniblocks = Number(this.#unsigned())
    this.#size = block / this.#miniblocks
    if (!(this.#size > 0 && this.#size % 32 === 0 && block % 128 === 0)) throw new Error('a block of deltas has no size that there is')
    this.#begun = this.#miniblocks
    this.#left = Number(this.#unsigned())
    this.#last = BigInt.asIntN(bits, this.#signed())
  }

  /** @returns a number while that is exact. @throws Error when there are no more */
  next(): number | bigint {
    if (this.#left-- <= 0) throw new Error('deltas end early')
    if (this.#isFirst) this.#isFirst = false
    else {
      if (this.#here === 0) this.#begin()
      this.#here--
      this.#last = BigInt.asIntN(this.#bits, this.#last + this.#least + packed(this.#page, this.#bit, this.#width))
      this.#bit += this.#width
    }
    return exact(this.#last)
  }

  /** Where the bytes behind the numbers begin; to be asked before the first is taken. */
  end(): number {
    const ahead = new Deltas(this.#page, this.#bits)
    for (let left = ahead.#left - 1; left > 0; left -= ahead.#size) ahead.#begin()
    return ahead.#at
  }

  /** Begins the next miniblock. */
  #begin(): void {
    if (this.#begun === this.#miniblocks) {
      this.#least = this.#signed()
      this.#widths = this.#at
      this.#begun = 0
      this.#at += this.#miniblocks
    }
    this.#width = this.#page.readUInt8(this.#widths + this.#begun++)
    this.#bit = this.#at * 8
    this.#here = this.#size
    this.#at += (this.#size * this.#width) / 8
    if (this.#width > 64 || this.#at > this.#page.length) throw new Error('deltas go beyond their page')
  }

  #signed(): bigint {
    const number = this.#unsigned()
    return (number >> 1n) ^ -(number & 1n)
  }

  #unsigned(): bigint {
    for (let number = 0n, shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#page.readUInt8(this.#at++)
      number |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return number
    }
    throw new Error('a number is longer than any type')
  }
}

/** `width` bits from bit `bit` on, the lowest first. */
function packed(bytes: Buffer, bit: number, width: number): bigint {
  const skipped = bit % 8
  const from = (bit - skipped) / 8
  // Up to 45 bits, and 7 before them, fit into a number exactly.
  if (width <= 45) {
    let number = 0
    for (let i = Math.ceil((skipped + width) / 8) - 1; i >= 0; i--) number = number * 256 + bytes[from + i]!
    return BigInt(Math.floor(number / 2 ** skipped) % 2 ** width)
  }
  let number = 0n
  for (let i = Math.ceil((skipped + width) / 8) - 1; i >= 0; i--) number = (number << 8n) | BigInt(bytes[from + i]!)
  return BigInt.asUintN(width, number >> BigInt(skipped))
}
