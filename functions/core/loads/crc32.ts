/**
 * CRC-32 as ISO 3309, gzip and S3 have it (reflected polynomial 0xEDB88320), without Node, so that browsers have it too.
 * Eight tables, eight bytes a step ("slicing-by-8", Kounavis and Berry, Intel 2005).
 */
const slices = 8
const polynomial = 0xedb88320
const tables = Array.from({ length: slices }, () => new Uint32Array(256))
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  t0[byte] = crc
}
for (let slice = 1; slice < slices; slice++) {
  const [before, table] = [tables[slice - 1]!, tables[slice]!]
  for (let byte = 0; byte < 256; byte++) table[byte] = (before[byte]! >>> 8) ^ t0[before[byte]! & 0xff]!
}

/** The CRC-32 of `bytes`, unsigned; `seed` is the CRC-32 of what came before them. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed
  let i = 0
  for (const end = bytes.length - 7; i < end; i += 8) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}

/** Product of two polynomials modulo the CRC's, reflected: bit 31 is x^0. As `multmodp` in zlib's crc32.c. */
function multiply(a: number, b: number): number {
  let product = 0
  let rest = b
  for (let mask = 0x80000000; mask !== 0; mask >>>= 1) {
    if (a & mask) product ^= rest
    rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1
  }
  return product >>> 0
}

/** x^(2^n) modulo the polynomial, for n of 0 to 31; the powers repeat from there. */
const squares = new Uint32Array(32)
squares[0] = 0x40000000
for (let n = 1; n < 32; n++) squares[n] = multiply(squares[n - 1]!, squares[n - 1]!)

/**
 * The CRC-32 of A followed by B, from the CRC-32 of each and the bytes of B (zlib's `crc32_combine`).
 * Any length that a number holds exactly, so objects far beyond 4 GiB.
 */
export function combineCrc32(crcA: number, crcB: number, lengthB: number): number {
  let shift = 0x80000000
  // x^(8 * lengthB): the bits of the length select the squares, beginning at 2^3 for the 8 bits of a byte.
  for (let n = 3, rest = lengthB; rest > 0; n++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = multiply(squares[n & 31]!, shift)
  }
  return (multiply(shift, crcA) ^ crcB) >>> 0
}

/** 8 lower-case hex digits, as the API writes a CRC-32. */
export const crc32ToHex = (crc: number): string => (crc >>> 0).toString(16).padStart(8, '0')
export const crc32FromHex = (hex: string): number => Number.parseInt(hex, 16)

/** Base64 of the four bytes, highest first, as S3 writes a CRC-32. */
export function crc32ToBase64(crc: number): string {
  return btoa(String.fromCharCode(crc >>> 24, (crc >>> 16) & 0xff, (crc >>> 8) & 0xff, crc & 0xff))
}
export function crc32FromBase64(base64: string): number {
  const bytes = atob(base64)
  let crc = 0
  for (let i = 0; i < 4; i++) crc = (crc << 8) | bytes.charCodeAt(i)
  return crc >>> 0
}
