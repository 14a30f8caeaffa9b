import { escaped, int32, multibyte, numberEnd, wordEnd, written } from './scan-tools.ts'

/** Deeper values are left to the general parser, which goes down to its own limit. */
const mostDepth = 64
const containers = new Uint8Array(mostDepth)
const [tab, cr, space, quote, comma, colon, slash, backslash] = [9, 13, 32, 34, 44, 58, 47, 92]
const [openArray, closeArray, openObject, closeObject] = [91, 93, 123, 125]
/** Where the keys of the open objects begin and end in the output, and how many of them lie outside of each container. */
const keys = new Int32Array(2 * 512)
const outside = new Int32Array(mostDepth)
/** Each key is compared with those before it: an object with more of them is left to the general parser. */
const mostKeys = 128
/** Longer numbers may be more than a numeric holds. */
const numberBytes = 1000
/** Digits of an exponent that Postgres certainly takes, and its sign. */
const exponentBytes = 4

/**
 * Copies the JSON value at `p`, checked and without the whitespace between its parts, as a jsonb field at `o`. It makes no value of it: what
 * JSON.parse and JSON.stringify would have made is the same text.
 * @returns the index behind the value, or -1 for what the general parser must judge
 */
export function jsonb(b: Uint8Array, from: number, out: Uint8Array, o: number): number {
  let p = from
  let w = o + 5
  let depth = 0
  let known = 0
  for (;;) {
    p = skip(b, p)
    const c = b[p]!
    if (c === openObject || c === openArray) {
      out[w++] = c
      p = skip(b, p + 1)
      if (b[p] !== c + 2) {
        if (depth === mostDepth) return -1
        containers[depth] = c
        outside[depth++] = known
        if (c === openArray) continue
        p = key(b, p, out, w)
        if (p < 0 || !isNew(out, w, known, known++)) return -1
        w = written.end
        continue
      }
      out[w++] = b[p++]!
    } else {
      p = c === quote ? string(b, p, out, w) : plain(b, p, out, w, depth > 0)
      if (p < 0) return -1
      w = written.end
    }
    for (;;) {
      if (depth === 0) {
        int32(w - o - 4, out, o)
        // The version of the format
        out[o + 4] = 1
        written.end = w
        return p
      }
      p = skip(b, p)
      const container = containers[depth - 1]!
      if (b[p] === comma) {
        out[w++] = comma
        p++
        if (container === openArray) break
        p = key(b, skip(b, p), out, w)
        if (p < 0 || !isNew(out, w, outside[depth - 1]!, known++)) return -1
        w = written.end
        break
      }
      if (b[p] !== (container === openArray ? closeArray : closeObject)) return -1
      out[w++] = b[p++]!
      known = outside[--depth]!
    }
  }
}

/** False when the key that was just written, from `start` on, stands in [first, count) of `keys` already. Else it takes its place there. */
function isNew(out: Uint8Array, start: number, first: number, count: number): boolean {
  const end = written.end
  if (count - first === mostKeys || 2 * count === keys.length) return false
  for (let i = first; i < count; i++)
    if (keys[2 * i + 1]! - keys[2 * i]! === end - start && same(out, keys[2 * i]!, start, end)) return false
  keys[2 * count] = start
  keys[2 * count + 1] = end
  return true
}

function same(out: Uint8Array, other: number, start: number, end: number): boolean {
  for (let i = end - 1, j = other + end - 1 - start; i >= start; i--, j--) if (out[i] !== out[j]) return false
  return true
}

function skip(b: Uint8Array, from: number): number {
  let p = from
  while (b[p] === space || b[p] === tab || b[p] === cr) p++
  return p
}

/** A key and its colon. One that begins with a digit may be an array's index to JavaScript, which would put it first. */
function key(b: Uint8Array, from: number, out: Uint8Array, w: number): number {
  if (b[from] !== quote) return -1
  let p = string(b, from, out, w)
  if (p < 0 || (out[w + 1]! >= 48 && out[w + 1]! <= 57)) return -1
  p = skip(b, p)
  if (b[p] !== colon) return -1
  out[written.end++] = colon
  return p + 1
}

/** A text, its escapes written as JSON.stringify writes them. */
function string(b: Uint8Array, from: number, out: Uint8Array, to: number): number {
  let p = from + 1
  let w = to
  out[w++] = quote
  for (;;) {
    const c = b[p]!
    if (c >= 32 && c < 128 && c !== quote && c !== backslash) {
      out[w++] = c
      p++
    } else if (c === quote) {
      out[w++] = quote
      written.end = w
      return p + 1
    } else if (c === backslash) {
      const n = rewritten(b, p, out, w)
      if (n === 0) return -1
      p += n >> 3
      w += n & 7
    } else {
      const n = c >= 194 ? multibyte(b, p) : 0
      if (n === 0) return -1
      for (let i = 0; i < n; i++) out[w++] = b[p++]!
    }
  }
}

/** As `escaped`: bytes read × 8 + bytes written, or 0. */
function rewritten(b: Uint8Array, p: number, out: Uint8Array, w: number): number {
  const letter = b[p + 1]!
  const n = escaped(b, p, out, w)
  if (n === 0 || letter === slash) return n
  if (letter !== 117) {
    out[w] = backslash
    out[w + 1] = letter
    return (2 << 3) | 2
  }
  // What JSON.stringify would escape again
  const one = (n & 7) === 1 ? out[w]! : 128
  return one < 32 || one === quote || one === backslash ? 0 : n
}

/** A number as it is written, or true, false and (inside of something) null. */
function plain(b: Uint8Array, p: number, out: Uint8Array, w: number, inside: boolean): number {
  const word = b[p] === 116 ? 'true' : b[p] === 102 ? 'false' : b[p] === 110 && inside ? 'null' : undefined
  const end = word === undefined ? numberEnd(b, p) : wordEnd(b, p, word)
  if (end < 0 || end - p > numberBytes) return -1
  written.end = w
  for (let i = p; i < end; i++) {
    const c = b[i]!
    if (word === undefined && (c === 101 || c === 69) && end - i - 1 > exponentBytes) return -1
    out[written.end++] = c
  }
  return end
}
