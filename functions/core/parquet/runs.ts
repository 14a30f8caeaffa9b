/** Bits of a number that can be taken with operators on 32 bits, of which a byte may leave 7 over. */
const narrow = 24

/**
 * Small whole numbers as Parquet packs them, read one after the other: runs of one number, and groups of eight with `width` bits each.
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#run-length-encoding--bit-packing-hybrid-rle--3
 */
export class RunLengths {
  readonly #bytes: Buffer
  readonly #end: number
  readonly #width: number
  readonly #mask: number
  #at: number
  /** Numbers left in this run, and whether all of them are `#number`. */
  #left = 0
  #repeated = true
  #number = 0
  /** Where a run of groups ends, and its bits that are read but not taken. */
  #runEnd = 0
  #bits = 0
  #bitCount = 0

  /** @param width bits a number, at most 32 */
  constructor(bytes: Buffer, from: number, to: number, width: number) {
    if (width > 32 || from > to || to > bytes.length) throw new Error('packed numbers are not where they should be')
    this.#bytes = bytes
    this.#at = from
    this.#end = to
    this.#width = width
    this.#mask = (1 << width) - 1
  }

  /** @throws Error when there are no more */
  next(): number {
    // Of numbers without bits some writers store nothing at all.
    if (this.#width === 0) return 0
    while (this.#left === 0) this.#begin()
    this.#left--
    if (this.#repeated) return this.#number
    if (this.#width > narrow) return this.#wide()
    while (this.#bitCount < this.#width) {
      this.#bits |= this.#byte() << this.#bitCount
      this.#bitCount += 8
    }
    const number = this.#bits & this.#mask
    this.#bits >>>= this.#width
    this.#bitCount -= this.#width
    if (this.#left === 0) this.#at = this.#runEnd
    return number
  }

  /** More bits than any dictionary here needs, but some writers store indices in as many as they hold them in. */
  #wide(): number {
    while (this.#bitCount < this.#width) {
      this.#bits += this.#byte() * 2 ** this.#bitCount
      this.#bitCount += 8
    }
    const number = this.#bits % 2 ** this.#width
    this.#bits = Math.floor(this.#bits / 2 ** this.#width)
    this.#bitCount -= this.#width
    if (this.#left === 0) this.#at = this.#runEnd
    return number
  }

  #begin(): void {
    const header = this.#varint()
    this.#repeated = header % 2 === 0
    const count = Math.floor(header / 2)
    if (this.#repeated) {
      this.#left = count
      this.#number = 0
      for (let shift = 0; shift < this.#width; shift += 8) this.#number += this.#byte() * 2 ** shift
    } else {
      this.#left = count * 8
      this.#runEnd = this.#at + count * this.#width
      this.#bits = 0
      this.#bitCount = 0
    }
  }

  #varint(): number {
    for (let number = 0, scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.#byte()
      number += (byte & 0x7f) * scale
      if (byte < 0x80) return number
    }
    throw new Error('a run is longer than any page')
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new Error('packed numbers end early')
    return this.#bytes[this.#at++]!
  }
}
