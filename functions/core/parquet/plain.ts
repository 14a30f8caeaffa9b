import type { ParquetType } from 'hyparquet'

/**
 * Values as they are stored, never by way of what cannot hold them: whole numbers are numbers while that is exact, else bigints; bytes are views of the page.
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#plain-plain--0
 */
export interface Plain {
  /** Bytes of the value that begins at `at`. */
  readonly size: (page: Buffer, at: number) => number
  readonly read: (page: Buffer, at: number) => unknown
}

/** @throws Error for a type that is none, or has no length */
export function plainOf(type: ParquetType, length = 0): Plain {
  switch (type) {
    case 'INT32':
      return fixed(4, (page, at) => page.readInt32LE(at))
    case 'INT64':
      return fixed(8, int64)
    case 'INT96':
      return fixed(12, int96)
    case 'FLOAT':
      return fixed(4, (page, at) => page.readFloatLE(at))
    case 'DOUBLE':
      return fixed(8, (page, at) => page.readDoubleLE(at))
    case 'BYTE_ARRAY':
      return { size: (page, at) => 4 + page.readUInt32LE(at), read: (page, at) => page.subarray(at + 4, at + 4 + page.readUInt32LE(at)) }
    case 'FIXED_LEN_BYTE_ARRAY':
      if (!(length > 0)) throw new Error('a type of fixed length has none')
      return fixed(length, (page, at) => page.subarray(at, at + length))
    default:
      throw new Error(`there are no plain values of type ${type}`)
  }
}

/** The whole number as a number where that is exact. */
export const exact = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value

const fixed = (size: number, read: Plain['read']): Plain => ({ size: () => size, read })

function int64(page: Buffer, at: number): number | bigint {
  const high = page.readInt32LE(at + 4)
  return high >= -0x20_0000 && high < 0x20_0000 ? high * 2 ** 32 + page.readUInt32LE(at) : page.readBigInt64LE(at)
}

/** Nanoseconds since 1970 of a day and the nanoseconds in it: https://github.com/apache/parquet-format/pull/49 */
const int96 = (page: Buffer, at: number): bigint =>
  BigInt(page.readInt32LE(at + 8) - unixEpoch) * 86_400_000_000_000n + page.readBigInt64LE(at)
/** 1970-01-01 as a Julian day. */
const unixEpoch = 2_440_588

/** Where the value behind the one at `at` begins. @throws Error when it goes beyond the page */
export function nextAt({ size }: Plain, page: Buffer, at: number): number {
  const end = at + size(page, at)
  if (end > page.length) throw new Error('a value goes beyond its page')
  return end
}
