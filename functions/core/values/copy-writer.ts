/**
 * Rows in PostgreSQL's binary COPY format, in one growing buffer.
 * Format: https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS (binary).
 */
export const copyHeader: Uint8Array = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
export const copyTrailer: Uint8Array = Buffer.from([0xff, 0xff])

export class CopyWriter {
  #buffer: Buffer
  #at = 0

  /** @param initialBytes a start, not a limit: one row of 1 MiB may grow it to a few MiB. */
  constructor(initialBytes = 128 * 1024) {
    this.#buffer = Buffer.allocUnsafe(initialBytes)
  }

  get length(): number {
    return this.#at
  }

  /** What was written. A view: valid until more is written. */
  get written(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** Forgets everything from `length` on: how a row that turns out bad leaves no trace. */
  truncate(length: number): void {
    this.#at = length
  }

  /** Room for `bytes` more, for code that writes them by itself and then says how far it came. */
  reserve(bytes: number): { readonly buffer: Buffer; readonly at: number } {
    this.#room(bytes)
    return { buffer: this.#buffer, at: this.#at }
  }
  /** @param length where the bytes now end */
  advance(length: number): void {
    this.#at = length
  }

  fieldCount(n: number): void {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(n, this.#at)
  }

  null(): void {
    this.#int32(-1)
  }

  boolean(v: boolean): void {
    this.#room(5)
    this.#at = this.#buffer.writeInt32BE(1, this.#at)
    this.#at = this.#buffer.writeUInt8(v ? 1 : 0, this.#at)
  }

  int16(v: number): void {
    this.#room(6)
    this.#at = this.#buffer.writeInt32BE(2, this.#at)
    this.#at = this.#buffer.writeInt16BE(v, this.#at)
  }

  int32(v: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeInt32BE(4, this.#at)
    this.#at = this.#buffer.writeInt32BE(v, this.#at)
  }

  /** A safe integer as int8, without a BigInt on the way. */
  int64(v: number): void {
    this.#room(12)
    const high = Math.floor(v / 4294967296)
    this.#at = this.#buffer.writeInt32BE(8, this.#at)
    this.#at = this.#buffer.writeInt32BE(high, this.#at)
    this.#at = this.#buffer.writeUInt32BE(v - high * 4294967296, this.#at)
  }

  bigint(v: bigint): void {
    this.#room(12)
    this.#at = this.#buffer.writeInt32BE(8, this.#at)
    this.#at = this.#buffer.writeBigInt64BE(v, this.#at)
  }

  float32(v: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeInt32BE(4, this.#at)
    this.#at = this.#buffer.writeFloatBE(v, this.#at)
  }

  float64(v: number): void {
    this.#room(12)
    this.#at = this.#buffer.writeInt32BE(8, this.#at)
    this.#at = this.#buffer.writeDoubleBE(v, this.#at)
  }

  /** Text in UTF-8. `version` is a leading byte of the field, as jsonb has. */
  text(v: string, version?: number): void {
    this.#room(5 + v.length * 3)
    const start = this.#at + 4
    let at = start
    if (version !== undefined) at = this.#buffer.writeUInt8(version, at)
    at += this.#buffer.write(v, at, 'utf8')
    this.#buffer.writeInt32BE(at - start, this.#at)
    this.#at = at
  }

  bytes(v: Uint8Array): void {
    this.#room(4 + v.length)
    this.#at = this.#buffer.writeInt32BE(v.length, this.#at)
    this.#buffer.set(v, this.#at)
    this.#at += v.length
  }

  /**
   * Begins an array of one dimension; its elements follow as fields, then `endArray`.
   * Format: array_recv in https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c
   * @returns what `endArray` needs
   */
  beginArray(elementOid: number, count: number, hasNull: boolean): number {
    this.#room(24)
    const start = this.#at
    this.#at = this.#buffer.writeInt32BE(count === 0 ? 0 : 1, start + 4)
    this.#at = this.#buffer.writeInt32BE(hasNull ? 1 : 0, this.#at)
    this.#at = this.#buffer.writeInt32BE(elementOid, this.#at)
    if (count === 0) return start
    this.#at = this.#buffer.writeInt32BE(count, this.#at)
    // Counted from 1
    this.#at = this.#buffer.writeInt32BE(1, this.#at)
    return start
  }
  endArray(start: number): void {
    this.#buffer.writeInt32BE(this.#at - start - 4, start)
  }

  /** 32 hex digits as 16 bytes. */
  uuid(hex: string): void {
    this.#room(20)
    this.#at = this.#buffer.writeInt32BE(16, this.#at)
    this.#at += this.#buffer.write(hex, this.#at, 'hex')
  }

  /** `numeric`: base-10000 digits, most significant first; `weight` is the power of the first one. */
  numeric(digits: readonly number[], weight: number, negative: boolean, scale: number): void {
    this.#room(12 + digits.length * 2)
    const b = this.#buffer
    this.#at = b.writeInt32BE(8 + digits.length * 2, this.#at)
    this.#at = b.writeInt16BE(digits.length, this.#at)
    this.#at = b.writeInt16BE(weight, this.#at)
    this.#at = b.writeUInt16BE(negative ? 0x4000 : 0, this.#at)
    this.#at = b.writeInt16BE(scale, this.#at)
    for (const d of digits) this.#at = b.writeInt16BE(d, this.#at)
  }

  #int32(v: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeInt32BE(v, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}
