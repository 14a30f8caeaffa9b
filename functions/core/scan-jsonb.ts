import { escaped, multibyte, numberEnd } from './scan-tools.ts'

/** Where the field ends that `jsonb` wrote last. */
export const written = { end: 0 }

/** Deeper values are left to the general parser, which goes down to its own limit. */
const mostDepth = 64
const containers = new Uint8Array(mostDepth)
const [tab, cr, space, quote, comma, colon, slash, backslash] = [9, 13, 32, 34, 44, 58, 47, 92]
const [openArray, closeArray, openObject, closeObject] = [91, 93, 123, 125]
/** Digits of an exponent that Postgres certainly takes, and its sign. */
const exponentBytes = 4

/**
 * Copies the JSON value at `p`, checked and without the whitespace between its parts, as a jsonb field at `o`. It makes no value of it: what
 * JSON.parse and JSON.stringify would have made is the same text, but for a key that stands twice, of which Postgres too keeps the last.
 * @returns the index behind the value, or -1 for what the general parser must judge
 */
export function jsonb(b: Uint8Array, from: number, out: Uint8Array, o: number): number {
  let p = from
  let w = o + 5
  let depth = 0
  for (;;) {
    p = skip(b, p)
    const c = b[p]!
    if (c === openObject || c === openArray) {
      out[w++] = c
      p = skip(b, p + 1)
      if (b[p] !== c + 2) {
        if (depth === mostDepth) return -1
        containers[depth++] = c
        if (c === openArray) continue
        p = key(b, p, out, w)
        if (p < 0) return -1
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
        const n = w - o - 4
        out[o] = n >> 24
        out[o + 1] = n >> 16
        out[o + 2] = n >> 8
        out[o + 3] = n
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
        if (p < 0) return -1
        w = written.end
        break
      }
      if (b[p] !== (container === openArray ? closeArray : closeObject)) return -1
      out[w++] = b[p++]!
      depth--
    }
  }
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
  if (end < 0) return -1
  written.end = w
  for (let i = p; i < end; i++) {
    const c = b[i]!
    if (word === undefined && (c === 101 || c === 69) && end - i - 1 > exponentBytes) return -1
    out[written.end++] = c
  }
  return end
}

function wordEnd(b: Uint8Array, p: number, word: string): number {
  for (let i = 0; i < word.length; i++) if (b[p + i] !== word.charCodeAt(i)) return -1
  return p + word.length
}
