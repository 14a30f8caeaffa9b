import type { RowBoundaries } from './row-boundaries.ts'

/** Newline-delimited JSON: a row is a line; a line of white space is none. */
export const ndjsonBoundaries: RowBoundaries = {
  end(bytes, from, to, final) {
    const next = bytes.indexOf(10, from)
    return next >= 0 ? next + 1 : final ? to : -1
  },
  blank(bytes, from, to) {
    for (let i = from; i < to; i++) {
      const c = bytes[i]
      if (c !== 32 && c !== 9 && c !== 13) return false
    }
    return true
  },
}
