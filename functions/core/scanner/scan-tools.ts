import { daysFromCivil, isDate } from '#core/values/moment.ts'

/**
 * What the compiled code of a scanner calls (see scan-code.ts). Everything reads bytes and writes bytes; a byte that is read behind the
 * end of the input is undefined, for which every comparison is false, so that no bound needs to be checked.
 */

/** Where the field ends that a function wrote last which reads a value and answers with the index behind it. */
export const written = { end: 0 }

const powers = Array.from({ length: 23 }, (_, n) => 10 ** n)

/** The value of a hex digit by its byte; 255 for every other byte. */
const hex = Uint8Array.from({ length: 256 }, (_, c) =>
  /[0-9a-fA-F]/.test(String.fromCharCode(c)) ? Number.parseInt(String.fromCharCode(c), 16) : 255,
)

/** The last date that was read: rows in a row often share theirs. */
const dates = { last: -1, day: 0 }
const dayOf = (year: number, month: number, day: number): number | undefined =>
  isDate(year, month, day) ? daysFromCivil(year, month, day) : undefined

/** Bytes of the UTF-8 sequence that begins at `p` with a byte beyond ASCII, or 0 when it is none (Unicode 17, table 3-7). */
export function multibyte(b: Uint8Array, p: number): number {
  const c = b[p]!
  const next = b[p + 1]!
  if (!(next >= 0x80 && next <= 0xbf)) return 0
  if (c < 0xe0) return c >= 0xc2 ? 2 : 0
  if (!continues(b[p + 2])) return 0
  if (c < 0xf0) return (c === 0xe0 && next < 0xa0) || (c === 0xed && next > 0x9f) ? 0 : 3
  if (!continues(b[p + 3]) || c > 0xf4) return 0
  return (c === 0xf0 && next < 0x90) || (c === 0xf4 && next > 0x8f) ? 0 : 4
}
const continues = (c: number | undefined): boolean => c !== undefined && c >= 0x80 && c <= 0xbf

/** The characters after a backslash that stand for one byte, and that byte: JSON's `\" \\ \/ \b \f \n \r \t`. */
const simple = new Uint8Array(256)
for (const [letter, byte] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) simple[letter!.charCodeAt(0)] = byte!.charCodeAt(0)

/**
 * Writes the character that the JSON escape at `p` stands for as UTF-8 at `w`.
 * @returns bytes read × 8 + bytes written, or 0 for what is no character that Postgres stores
 */
export function escaped(b: Uint8Array, p: number, out: Uint8Array, w: number): number {
  const plain = simple[b[p + 1]!]
  if (plain) {
    out[w] = plain
    return (2 << 3) | 1
  }
  if (b[p + 1] !== 117) return 0
  const unit = hex4(b, p + 2)
  // NUL, half a surrogate pair and what is no hex digit are the general parser's to refuse
  if (!(unit > 0) || (unit >= 0xdc00 && unit <= 0xdfff)) return 0
  if (unit < 0xd800 || unit > 0xdbff) return (6 << 3) | encode(unit, out, w)
  if (b[p + 6] !== 92 || b[p + 7] !== 117) return 0
  const low = hex4(b, p + 8)
  if (!(low >= 0xdc00 && low <= 0xdfff)) return 0
  return (12 << 3) | encode(0x10000 + ((unit - 0xd800) << 10) + low - 0xdc00, out, w)
}

function hex4(b: Uint8Array, p: number): number {
  const [h0, h1, h2, h3] = [hex[b[p]!]!, hex[b[p + 1]!]!, hex[b[p + 2]!]!, hex[b[p + 3]!]!]
  return h0 < 16 && h1 < 16 && h2 < 16 && h3 < 16 ? (h0 << 12) | (h1 << 8) | (h2 << 4) | h3 : -1
}

/** Writes a code point as UTF-8 and says how many bytes it took. */
function encode(point: number, out: Uint8Array, w: number): number {
  if (point < 0x80) {
    out[w] = point
    return 1
  }
  const bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  for (let i = bytes - 1; i > 0; i--) out[w + i] = 0x80 | ((point >> (6 * (bytes - 1 - i))) & 0x3f)
  out[w] = ((0xf00 >> bytes) & 0xff) | (point >> (6 * (bytes - 1)))
  return bytes
}

/** Index behind the word when it stands at `p`, or -1. Its characters are bytes. */
export function wordEnd(b: Uint8Array, p: number, word: string): number {
  for (let i = 0; i < word.length; i++) if (b[p + i] !== word.charCodeAt(i)) return -1
  return p + word.length
}

/** Index behind the JSON number that begins at `p`, or -1. */
export function numberEnd(b: Uint8Array, p: number): number {
  let at = b[p] === 45 ? p + 1 : p
  const first = at
  at = digitsEnd(b, at)
  if (at === first || (b[first] === 48 && at - first > 1)) return -1
  if (b[at] === 46) {
    const fraction = at + 1
    at = digitsEnd(b, fraction)
    if (at === fraction) return -1
  }
  if (b[at] === 101 || b[at] === 69) {
    const exponent = b[at + 1] === 43 || b[at + 1] === 45 ? at + 2 : at + 1
    at = digitsEnd(b, exponent)
    if (at === exponent) return -1
  }
  return at
}
function digitsEnd(b: Uint8Array, from: number): number {
  let p = from
  while (b[p]! >= 48 && b[p]! <= 57) p++
  return p
}

/** The JSON number in [from, to), as JSON.parse reads it. */
const double = (b: Buffer, from: number, to: number): number => Number(b.toString('latin1', from, to))

const float64 = new Float64Array(1)
const float32 = new Float32Array(1)
/** Big endian, whatever the machine is. */
function writeDouble(v: number, out: Uint8Array, o: number): void {
  float64[0] = v
  for (let i = 0; i < 8; i++) out[o + i] = bytes64[order64[i]!]!
}
function writeFloat(v: number, out: Uint8Array, o: number): void {
  float32[0] = v
  for (let i = 0; i < 4; i++) out[o + i] = bytes32[order32[i]!]!
}
const bytes64 = new Uint8Array(float64.buffer)
const bytes32 = new Uint8Array(float32.buffer)
const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
const order64 = Array.from({ length: 8 }, (_, i) => (little ? 7 - i : i))
const order32 = Array.from({ length: 4 }, (_, i) => (little ? 3 - i : i))

/** Writes 16 to 18 digits, which a double may not hold, as an int8 field. @returns the index behind it */
function manyDigits(b: Uint8Array, from: number, to: number, negative: boolean, out: Uint8Array, o: number): number {
  let [high, low] = [0, 0]
  for (let p = from; p < to; p++) {
    low = low * 10 + b[p]! - 48
    high = high * 10 + Math.floor(low / 4294967296)
    low %= 4294967296
  }
  int32(8, out, o)
  int32(negative ? (low === 0 ? -high : ~high) : high, out, o + 4)
  int32(negative ? -low : low, out, o + 8)
  return o + 12
}

const groups = new Int32Array(8)
/**
 * Writes a `numeric` field (see CopyWriter.numeric): `integer` before the point, `fraction` behind it as `places` decimal digits (12 at most).
 * @param scale decimal digits that Postgres shows
 * @returns the index behind the field
 */
function numeric(negative: boolean, integer: number, fraction: number, places: number, scale: number, out: Uint8Array, o: number): number {
  let high = 4
  for (let rest = integer; rest > 0; rest = Math.floor(rest / 10000)) groups[--high] = rest % 10000
  let low = 4 + Math.ceil(places / 4)
  let rest = fraction * powers[(low - 4) * 4 - places]!
  for (let i = low - 1; i >= 4; i--) {
    groups[i] = rest % 10000
    rest = Math.floor(rest / 10000)
  }
  while (low > high && groups[low - 1] === 0) low--
  while (high < low && groups[high] === 0) high++
  const count = low - high
  const weight = count === 0 ? 0 : 3 - high
  const bytes = 8 + count * 2
  let at = int16(bytes, out, int16(0, out, o))
  at = int16(count, out, at)
  at = int16(weight, out, at)
  at = int16(negative && count > 0 ? 0x4000 : 0, out, at)
  at = int16(scale, out, at)
  for (let i = high; i < low; i++) at = int16(groups[i]!, out, at)
  return at
}
function int16(v: number, out: Uint8Array, o: number): number {
  out[o] = v >> 8
  out[o + 1] = v
  return o + 2
}

/**
 * Writes what leads an array of one dimension (see CopyWriter.beginArray), whose elements stand behind the 24 bytes left for that at `o`.
 * @param end of its last element
 * @returns the index behind the field
 */
function arrayHead(out: Uint8Array, o: number, end: number, count: number, nulls: number, oid: number): number {
  // An empty array has no dimension, and ends there
  const behind = count === 0 ? o + 16 : end
  int32(behind - o - 4, out, o)
  int32(count === 0 ? 0 : 1, out, o + 4)
  int32(nulls, out, o + 8)
  int32(oid, out, o + 12)
  if (count > 0) {
    int32(count, out, o + 16)
    int32(1, out, o + 20)
  }
  return behind
}
export function int32(v: number, out: Uint8Array, o: number): void {
  int16(v >> 16, out, o)
  int16(v, out, o + 2)
}

/** Copies a field that is the same for every row. */
function put(field: Uint8Array, out: Uint8Array, o: number): number {
  for (let i = 0; i < field.length; i++) out[o + i] = field[i]!
  return o + field.length
}

/** By the names under which compiled code knows them. */
export const scanTools = {
  written,
  powers,
  hex,
  dates,
  dayOf,
  multibyte,
  escaped,
  wordEnd,
  numberEnd,
  double,
  writeDouble,
  writeFloat,
  numeric,
  manyDigits,
  arrayHead,
  put,
}
